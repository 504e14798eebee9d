// How a picture was cut: borders, who painted which tile in what time, and the strips two tiles share.
import { count, duration } from "./words.js";

// Where cores begin and end along one side, as shares of it: what the renderer cuts, in multiples of its stride.
function cuts(length, count, stride) {
  const units = stride ? Math.ceil(length / stride) : 0;
  const at = (index) => (stride && units >= count ? (stride * Math.floor((units * index) / count)) / length : index / count);
  return Array.from({ length: count + 1 }, (_, index) => Math.min(1, index === count ? 1 : at(index)));
}

// What lies beside a delivered picture tells of its tiles; of one that was cropped or repainted in another size it cannot.
export function planOf(made) {
  const facts = made.source?.facts ?? {}, turned = (facts.orientation ?? 1) > 4;
  const [width, height] = turned ? [facts.height, facts.width] : [facts.width, facts.height];
  const whole = !made.parameters?.crop && !made.parameters?.brush && width > 0;
  const done = made.tiles?.painted?.length ? made.tiles.painted : undefined;
  return made.tiles && { ...made.tiles, done, width, height, whole };
}

// "render-0.0: 8 tiles, 0.4 s each", for those who do not see the picture.
export function byWorker(done) {
  const found = new Map();
  for (const one of done) {
    const so = found.get(one.worker) ?? { tiles: 0, timed: 0, took_s: 0 };
    found.set(one.worker, { tiles: so.tiles + 1, timed: so.timed + (one.took_s !== null), took_s: so.took_s + (one.took_s ?? 0) });
  }
  return [...found].map(([worker, so]) => `${worker || "a worker that is gone"}: ${count(so.tiles, "tile")}${so.timed ? `, ${duration(so.took_s / so.timed)} each` : ""}`).join("; ");
}

function tell(pen, words, x, y, width) {
  pen.font = "12px system-ui, sans-serif";
  pen.fillStyle = "rgb(20 18 15 / 72%)";
  pen.fillRect(x + 5, y + 5, Math.min(pen.measureText(words).width + 10, width - 8), 18);
  pen.fillStyle = "#fff";
  pen.fillText(words, x + 10, y + 18, width - 16);
}

function drawBorders(pen, at, plan, columns, rows) {
  const done = new Map((plan.done ?? []).map((one) => [one.index, one]));
  for (let row = 0; row < plan.rows; row++) {
    for (let column = 0; column < plan.columns; column++) {
      const index = row * plan.columns + column, tile = done.get(index);
      const x = at.left + at.width * columns[column], y = at.top + at.height * rows[row];
      const width = at.width * (columns[column + 1] - columns[column]), height = at.height * (rows[row + 1] - rows[row]);
      if (plan.done && !tile) { pen.fillStyle = "rgb(20 18 15 / 45%)"; pen.fillRect(x, y, width, height); }
      pen.lineWidth = 3; pen.strokeStyle = "rgb(0 0 0 / 45%)"; pen.strokeRect(x, y, width, height);
      pen.lineWidth = 1; pen.strokeStyle = "#fff"; pen.strokeRect(x, y, width, height);
      const took = tile && tile.took_s !== null ? ` · ${duration(tile.took_s)}` : "";
      if (width > 44 && height > 22) tell(pen, `${index + 1}${took}`, x, y, width);
      if (tile?.worker && width > 84 && height > 46) tell(pen, tile.worker, x, y + 22, width);
    }
  }
}

function drawSeams(pen, at, plan, columns, rows) {
  const wide = (plan.overlap_px / plan.width) * at.width, high = (plan.overlap_px / plan.height) * at.height;
  pen.fillStyle = "rgb(255 214 64 / 45%)";
  for (const share of columns.slice(1, -1)) pen.fillRect(at.left + at.width * share - wide / 2, at.top, wide, at.height);
  for (const share of rows.slice(1, -1)) pen.fillRect(at.left, at.top + at.height * share - high / 2, at.width, high);
}

// Draws onto a canvas that covers its frame; `at` says where in it the picture lies, in CSS px.
export function drawPlan(canvas, at, plan, { borders, seams }) {
  const ratio = devicePixelRatio || 1, frame = canvas.parentElement, pen = canvas.getContext("2d");
  canvas.width = frame.clientWidth * ratio;
  canvas.height = frame.clientHeight * ratio;
  pen.scale(ratio, ratio);
  const columns = cuts(plan.width, plan.columns, plan.stride_px), rows = cuts(plan.height, plan.rows, plan.stride_px);
  if (seams && plan.overlap_px) drawSeams(pen, at, plan, columns, rows);
  if (borders) drawBorders(pen, at, plan, columns, rows);
  canvas.dataset.drawn = [borders && "borders", seams && "seams"].filter(Boolean).join(" ");
}
