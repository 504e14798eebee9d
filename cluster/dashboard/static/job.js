// A job's page: its numbers, its mosaic, its items and what may be done with it.
import { ask, confirmed, get, getRaw, part, say } from "./ask.js";
import { show } from "./facts.js";
import { startItems } from "./items.js";
import { drawSwatches, Mosaic } from "./mosaic.js";
import { watch } from "./stream.js";
import { count, hasEnded, leaf, whole } from "./words.js";

const root = () => document.getElementById("job");
const id = () => root().dataset.job;
const api = (rest = "") => `/api/jobs/${part(id())}${rest}`;
let job = {}, latestAt = 0, latestPlace = null;

const ACTS = {
  pause: { from: ["listing", "queued", "running"], title: "Pause this job?", yes: "Pause", words: (n) => `${count(n.leased, "item")} at work will be finished; ${count(n.queued, "item")} will wait.` },
  resume: { from: ["paused", "pausing"], title: "Go on with this job?", yes: "Resume", words: (n) => `${count(n.queued, "item")} will be rendered.` },
  cancel: { from: ["listing", "queued", "running", "pausing", "paused"], title: "Cancel this job?", yes: "Cancel the job", danger: true, words: (n) => `${count(n.queued + n.leased, "item")} will not be rendered. What is delivered stays.` },
  retry: { from: null, title: "Retry what failed?", yes: "Retry", words: (n) => `${count(n.failed + n.quarantined, "item")} go back into the queue with a clean record.` },
};

function offer() {
  for (const button of document.querySelectorAll("[data-act]")) {
    const act = ACTS[button.dataset.act];
    button.hidden = act.from ? !act.from.includes(job.state) : !job.lost;
    if (button.dataset.act === "retry") button.textContent = `Retry ${whole(job.lost ?? 0)} lost`;
  }
}

function tell(changed) {
  job = { ...job, ...changed };
  if (!job.counts || !job.rates) return;
  show(root(), job, Number(root().dataset.hours));
  const reason = document.querySelector('[data-field="reason"]');
  reason.textContent = job.reason;
  reason.hidden = !job.reason;
  for (const place of document.querySelectorAll("[data-count]")) place.textContent = whole(job.counts[place.dataset.count] ?? 0);
  const listing = document.querySelector('[data-field="listing"]');
  if (listing) listing.hidden = job.listed || hasEnded(job.state);
  offer();
}

async function act(name) {
  const wanted = ACTS[name], n = { queued: 0, leased: 0, failed: 0, quarantined: 0, ...job.counts };
  if (!await confirmed({ ...wanted, words: wanted.words(n) })) return;
  try {
    const told = await ask(api(`/${name}`), {});
    tell(told.job ?? told);
    if (told.items !== undefined) say(`${count(told.items, "item")} back in the queue`);
  } catch (error) { say(error.message, true); }
}

async function itemAt(position) {
  const after = position > 0 ? `&after=${part(`${position - 1}:~`)}` : "";
  return (await get(api(`/items?limit=1${after}`))).items[0];
}

async function open(position) {
  const item = await itemAt(position);
  if (item) location.assign(`/jobs/${part(id())}/items/${part(item.item_id)}`);
}

// The picture that was finished last, at most every two seconds.
async function freshen() {
  if (latestPlace === null || Date.now() - latestAt < 2000) return;
  latestAt = Date.now();
  const item = await itemAt(latestPlace);
  latestPlace = null;
  if (!item || item.state !== "done") return;
  const picture = document.getElementById("latest"), next = new Image();
  const name = document.getElementById("latest-name");
  const address = `/previews/${part(id())}/${part(item.item_id)}/result?size=medium`;
  next.onload = () => {
    picture.src = address;
    name.textContent = leaf(item.target);
    document.getElementById("latest-link").href = `/jobs/${part(id())}/items/${part(item.item_id)}`;
  };
  next.src = address;
}

export function start() {
  const items = startItems({ job: id(), api, counts: () => job.counts ?? {}, told: tell });
  const mosaic = new Mosaic({
    canvas: document.getElementById("cells"), tip: document.getElementById("mosaic-tip"), says: document.getElementById("mosaic-says"),
    open: (position) => open(position).catch((error) => say(error.message, true)),
    drill: (range) => { items.narrow({ range }); },
  });
  const load = async () => {
    mosaic.load(new Uint8Array(await (await getRaw(api("/mosaic"))).arrayBuffer()));
    told();
  };
  const told = () => {
    const { range, states } = items.wanted();
    document.getElementById("mosaic-out").hidden = !range;
    document.getElementById("mosaic-range").textContent = range ? `${whole(range[0] + 1)} – ${whole(Math.min(range[1] + 1, mosaic.items.length))}`
      : mosaic.per > 1 ? `${count(mosaic.per, "item")} to a cell` : "";
    mosaic.choose(states);
  };
  items.onChange(({ range }) => { mosaic.look(range); told(); });
  mosaic.range = items.wanted().range;
  document.getElementById("mosaic-out").addEventListener("click", () => items.narrow({ range: null }));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-act]");
    if (button) act(button.dataset.act);
  });
  drawSwatches();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawSwatches);
  watch(id(), {
    snapshot: ({ jobs }) => { tell(jobs[0]); load().catch((error) => say(error.message, true)); },
    change: tell,
    items: ({ runs, anew, newest }) => {
      if (anew) load().catch(() => {}); else mosaic.change(runs);
      if (newest !== null && newest !== undefined) latestPlace = newest;
      items.changed(runs);
    },
  });
  setInterval(() => freshen().catch(() => {}), 1000);
}
