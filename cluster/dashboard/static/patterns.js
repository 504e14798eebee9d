// States as colour and pattern, so that nobody has to tell them apart by colour alone.
export const LETTERS = { q: "queued", l: "leased", d: "done", f: "failed", x: "quarantined", s: "skipped", c: "cancelled" };
export const STATES = Object.values(LETTERS);

export function colours() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(`--${name}`).trim();
  return { ...Object.fromEntries(STATES.map((state) => [state, read(state)])), card: read("card"), ink: read("ink"), soft: read("soft"), ring: read("ring") };
}

// A square of `size` device pixels for one state.
export function tile(state, size, paint) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = Math.max(1, size);
  drawTile(canvas.getContext("2d"), state, size, paint);
  return canvas;
}

export function drawTile(pen, state, size, paint) {
  pen.fillStyle = paint[state];
  pen.fillRect(0, 0, size, size);
  if (size < 6) return;
  pen.strokeStyle = pen.fillStyle = paint.card;
  pen.lineWidth = Math.max(1, size / 9);
  const line = (...points) => {
    pen.beginPath();
    for (const [index, [x, y]] of points.entries()) index ? pen.lineTo(x * size, y * size) : pen.moveTo(x * size, y * size);
    pen.stroke();
  };
  if (state === "leased") { pen.beginPath(); pen.arc(size / 2, size / 2, size / 4, 0, 7); pen.fill(); }
  if (state === "failed") { line([0.25, 0.25], [0.75, 0.75]); line([0.75, 0.25], [0.25, 0.75]); }
  if (state === "quarantined") { line([0.5, 0.18], [0.5, 0.58]); line([0.5, 0.7], [0.5, 0.84]); }
  if (state === "skipped") line([0.2, 0.5], [0.8, 0.5]);
  if (state === "cancelled") line([0.2, 0.8], [0.8, 0.2]);
  if (state === "queued") { pen.clearRect(0, 0, size, size); pen.lineWidth = Math.max(1, size / 16); pen.strokeStyle = paint.queued; pen.strokeRect(pen.lineWidth / 2, pen.lineWidth / 2, size - pen.lineWidth, size - pen.lineWidth); }
}
