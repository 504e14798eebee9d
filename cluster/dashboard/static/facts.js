// Writes a job's numbers into whatever shows them.
import { eta, figure, state, whole } from "./words.js";

const ORDER = ["done", "skipped", "leased", "queued", "cancelled", "failed", "quarantined"];

export function drawStack(root, counts) {
  const total = ORDER.reduce((sum, one) => sum + (counts[one] ?? 0), 0) || 1;
  let start = 0;
  for (const one of ORDER) {
    const rect = root.querySelector(`[data-part="${one}"]`), width = (1000 * (counts[one] ?? 0)) / total;
    rect?.setAttribute("x", start.toFixed(2));
    rect?.setAttribute("width", width.toFixed(2));
    start += width;
  }
}

export function show(root, job, hours) {
  const words = {
    settled: whole(job.settled), total: whole(job.total), lost: whole(job.lost),
    speed: figure(job.rates.images_per_s), pixels: figure(job.rates.megapixels_per_s),
    eta: eta(job), hours: figure((job.busy_s / 3600) * hours),
  };
  for (const [name, text] of Object.entries(words)) {
    for (const place of root.querySelectorAll(`[data-field="${name}"]`)) {
      if (place.textContent !== text) place.textContent = text;
    }
  }
  for (const badge of root.querySelectorAll('[data-field="state"]')) {
    badge.textContent = state(job.state);
    badge.className = `badge j-${job.state}`;
  }
  root.dataset.state = job.state;
  for (const stack of root.querySelectorAll("svg.stack")) {
    drawStack(stack, job.counts);
    stack.setAttribute("aria-label", `${words.settled} of ${words.total} settled, ${words.lost} lost`);
  }
}
