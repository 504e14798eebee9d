// The list of jobs, kept fresh.
import { getRaw, part } from "./ask.js";
import { show } from "./facts.js";
import { watch } from "./stream.js";

const known = new Map(), asked = new Set();
const rows = () => document.getElementById("rows");
const rowOf = (id) => rows().querySelector(`tr[data-job="${CSS.escape(id)}"]`);

async function add(id) {
  if (asked.has(id) || rows().dataset.filtered === "yes") return;
  asked.add(id);
  const text = await (await getRaw(`/rows/${part(id)}`)).text();
  const holder = document.createElement("template");
  holder.innerHTML = text; // made and escaped by the server
  rows().prepend(holder.content);
  document.getElementById("nothing")?.remove();
  document.dispatchEvent(new Event("giornata:rows"));
}

function update(changed, isNew) {
  const job = { ...known.get(changed.job_id), ...changed };
  known.set(changed.job_id, job);
  const row = rowOf(changed.job_id);
  if (!row) {
    if (isNew) add(changed.job_id).catch(() => asked.delete(changed.job_id));
    return;
  }
  if (!job.rates || !job.counts) return;
  const finished = (changed.counts?.done ?? 0) !== Number(row.dataset.done ?? -1);
  show(row, job, Number(rows().dataset.hours ?? 1));
  row.querySelector(".lost")?.classList.toggle("none", !job.lost);
  if (changed.counts && finished) {
    const image = row.querySelector("[data-last]");
    if (row.dataset.done !== undefined || image.classList.contains("absent")) freshen(image);
    row.dataset.done = changed.counts.done ?? 0;
  }
}

function freshen(image) {
  const now = Date.now();
  if (now - Number(image.dataset.at ?? 0) < 5000) return;
  image.dataset.at = now;
  image.src = `${image.getAttribute("src").split("&at=")[0]}&at=${Math.floor(now / 1000)}`;
}

export function start() {
  watch(null, {
    snapshot: ({ jobs }) => { for (const job of [...jobs].reverse()) update(job, true); },
    change: (changed) => update(changed, true),
  });
}
