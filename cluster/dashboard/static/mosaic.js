// The mosaic: a cell for each item, or for a range of them, on a canvas that only draws what changes.
import { colours, drawTile, LETTERS, STATES, tile } from "./patterns.js";
import { whole } from "./words.js";

const MOST_CELLS = 10000, HEIGHT = 420, SMALLEST = 5, LARGEST = 36;
const CODES = Object.keys(LETTERS).map((letter) => letter.charCodeAt(0));
const STATE_OF = Object.fromEntries(Object.entries(LETTERS).map(([letter, state]) => [letter.charCodeAt(0), state]));
const WORST = ["quarantined", "failed", "leased"]; // what a range is coloured by when it holds one

// 1, 2, 5, 10, 20, 50 …: as many items to a cell as are needed
export function perCell(count, most = MOST_CELLS) {
  for (let step = 1; ; step *= 10) {
    for (const factor of [1, 2, 5]) if (Math.ceil(count / (step * factor)) <= most) return step * factor;
  }
}

export class Mosaic {
  constructor({ canvas, tip, says, open, drill }) {
    Object.assign(this, { canvas, tip, says, open, drill });
    this.items = new Uint8Array(0);
    this.first = 0; this.last = -1; this.chosen = new Set(); this.at = null; this.dirty = new Set(); this.tiles = new Map();
    new ResizeObserver(() => this.layOut()).observe(canvas.parentElement);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.layOut());
    canvas.addEventListener("pointermove", (event) => this.point(this.cellAt(event)));
    canvas.addEventListener("pointerleave", () => this.point(null));
    canvas.addEventListener("click", (event) => this.enter(this.cellAt(event)));
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("focus", () => { if (this.cells) this.focus(this.at ?? 0); });
    canvas.addEventListener("blur", () => { const old = this.at; this.at = null; if (old !== null) this.touch(old); this.tip.hidden = true; });
  }

  load(items) { this.items = items; this.look(this.range ?? null); }

  // A range [first, last], or everything.
  look(range) {
    this.range = range;
    this.first = range ? Math.max(0, range[0]) : 0;
    this.last = range ? Math.min(range[1], this.items.length - 1) : this.items.length - 1;
    this.at = null;
    this.layOut();
  }

  choose(states) { this.chosen = new Set(states); this.drawAll(); }

  change(runs) {
    const top = runs.reduce((most, run) => Math.max(most, run[1]), -1);
    if (top >= this.items.length) {
      const grown = new Uint8Array(top + 1).fill(46);
      grown.set(this.items);
      this.items = grown;
    }
    for (const [first, last, letter] of runs) this.items.fill(letter.charCodeAt(0), first, last + 1);
    if (!this.range && top > this.last) { this.last = this.items.length - 1; this.layOut(); return; }
    for (const [first, last] of runs) {
      const from = Math.max(first, this.first), to = Math.min(last, this.last);
      for (let cell = this.cellOf(from); from <= to && cell <= this.cellOf(to); cell++) this.touch(cell);
    }
  }

  cellOf(position) { return Math.floor((position - this.first) / this.per); }
  ends(cell) { const first = this.first + cell * this.per; return [first, Math.min(first + this.per - 1, this.last)]; }

  counts(cell) {
    const [first, last] = this.ends(cell), found = {};
    for (let at = first; at <= last; at++) { const state = STATE_OF[this.items[at]]; if (state) found[state] = (found[state] ?? 0) + 1; }
    return found;
  }

  layOut() {
    const width = this.canvas.parentElement.clientWidth, count = this.last - this.first + 1;
    if (!width) return;
    this.ratio = Math.min(3, devicePixelRatio || 1);
    this.per = count > 0 ? perCell(count) : 1;
    this.cells = count > 0 ? Math.ceil(count / this.per) : 0;
    const side = Math.floor(Math.sqrt((width * HEIGHT) / Math.max(1, this.cells)));
    this.side = Math.min(LARGEST, Math.max(SMALLEST, side));
    this.columns = Math.max(1, Math.floor(width / this.side));
    const rows = Math.max(1, Math.ceil(this.cells / this.columns));
    this.canvas.width = Math.round(width * this.ratio);
    this.canvas.height = Math.round(rows * this.side * this.ratio);
    this.canvas.style.height = `${rows * this.side}px`;
    this.paint = colours();
    this.tiles.clear();
    this.drawAll();
  }

  drawAll() { for (let cell = 0; cell < (this.cells ?? 0); cell++) this.dirty.add(cell); this.schedule(); }
  touch(cell) { this.dirty.add(cell); this.schedule(); }

  schedule() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = null;
      const pen = this.canvas.getContext("2d");
      for (const cell of this.dirty) if (cell < this.cells) this.draw(pen, cell);
      this.dirty.clear();
      this.canvas.dataset.drawn = String(this.cells);
    });
  }

  draw(pen, cell) {
    const step = this.side * this.ratio, gap = this.side > 8 ? Math.round(2 * this.ratio) : Math.round(this.ratio);
    const x = Math.round((cell % this.columns) * step), y = Math.round(Math.floor(cell / this.columns) * step);
    const size = Math.max(1, Math.floor(step) - gap);
    pen.clearRect(x, y, Math.ceil(step), Math.ceil(step));
    if (this.per === 1) {
      const state = STATE_OF[this.items[this.first + cell]];
      if (state) this.put(pen, x, y, size, state, this.fades(state));
    } else this.drawRange(pen, x, y, size, this.counts(cell));
    if (cell === this.at) { pen.strokeStyle = this.paint.ink; pen.lineWidth = 2 * this.ratio; pen.strokeRect(x - 0.5, y - 0.5, size + 1, size + 1); }
  }

  fades(state) { return this.chosen.size && !this.chosen.has(state); }

  put(pen, x, y, size, state, fades) {
    const key = `${state}${size}`;
    if (!this.tiles.has(key)) this.tiles.set(key, tile(state, size, this.paint));
    pen.globalAlpha = fades ? 0.15 : 1;
    pen.drawImage(this.tiles.get(key), x, y);
    pen.globalAlpha = 1;
  }

  drawRange(pen, x, y, size, counts) {
    const all = Object.values(counts).reduce((sum, one) => sum + one, 0);
    if (!all) return;
    const worst = WORST.find((state) => counts[state]);
    if (worst && worst !== "leased") { this.put(pen, x, y, size, worst, this.fades(worst)); return; }
    const common = STATES.reduce((best, state) => ((counts[state] ?? 0) > (counts[best] ?? 0) ? state : best));
    const fades = this.chosen.size && !Object.keys(counts).some((state) => this.chosen.has(state));
    if (Object.keys(counts).length === 1) { this.put(pen, x, y, size, common, fades); return; }
    this.put(pen, x, y, size, worst ?? "queued", fades);
    const settled = all - (counts.queued ?? 0) - (counts.leased ?? 0), high = Math.round((size * settled) / all);
    pen.globalAlpha = fades ? 0.15 : 1;
    pen.fillStyle = this.paint[counts.done ? "done" : common === "queued" ? "skipped" : common];
    pen.fillRect(x, y + size - high, size, high);
    pen.globalAlpha = 1;
  }

  cellAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left) / this.side), row = Math.floor((event.clientY - box.top) / this.side);
    const cell = row * this.columns + column;
    return column < this.columns && cell >= 0 && cell < this.cells ? cell : null;
  }

  words(cell) {
    const [first, last] = this.ends(cell), counts = this.counts(cell);
    if (this.per === 1) return `Item ${whole(first + 1)}: ${Object.keys(counts)[0] ?? "none"}`;
    const parts = STATES.filter((state) => counts[state]).map((state) => `${whole(counts[state])} ${state}`);
    return `Items ${whole(first + 1)} to ${whole(last + 1)}: ${parts.join(", ")}`;
  }

  point(cell) {
    this.tip.hidden = cell === null;
    if (cell === null) return;
    this.tip.textContent = this.words(cell);
    const x = (cell % this.columns) * this.side, y = Math.floor(cell / this.columns) * this.side;
    const room = this.canvas.clientWidth - 230;
    this.tip.style.transform = `translate(${Math.max(0, Math.min(x, room))}px, ${y + this.side + 6}px)`;
  }

  focus(cell) {
    const old = this.at;
    this.at = Math.max(0, Math.min(cell, this.cells - 1));
    if (old !== null) this.touch(old);
    this.touch(this.at);
    this.says.textContent = this.words(this.at);
    this.point(this.at);
  }

  enter(cell) {
    if (cell === null || cell === undefined) return;
    const ends = this.ends(cell);
    if (this.per === 1) this.open(ends[0]); else this.drill(ends);
  }

  key(event) {
    const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.columns, ArrowUp: -this.columns, PageDown: this.columns * 10, PageUp: -this.columns * 10 };
    if (event.key in moves) this.focus((this.at ?? 0) + moves[event.key]);
    else if (event.key === "Home") this.focus(0);
    else if (event.key === "End") this.focus(this.cells - 1);
    else if (event.key === "Enter" || event.key === " ") this.enter(this.at);
    else if (event.key === "Escape" && this.range) this.drill(null);
    else return;
    event.preventDefault();
  }
}

export function drawSwatches() {
  const paint = colours();
  for (const canvas of document.querySelectorAll("[data-swatch]")) {
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, canvas.width, canvas.height);
    drawTile(pen, canvas.dataset.swatch, canvas.width, paint);
  }
}
