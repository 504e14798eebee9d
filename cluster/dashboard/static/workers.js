import { ask, confirmed, getRaw, part, say } from "./ask.js";
import { watch } from "./stream.js";

const WORDS = {
  drain: ["Drain", "It ends what it has, and is then replaced."],
  block: ["Block", "It gets no more work until somebody unblocks it."],
  unblock: ["Unblock", "It gets work again."],
};
let asked = 0;

async function freshen() {
  if (Date.now() - asked < 2500 || document.querySelector("dialog[open]")) return;
  asked = Date.now();
  const rows = document.getElementById("worker-rows");
  if (rows.contains(document.activeElement)) return; // nobody wants a button to move under the finger
  rows.innerHTML = await (await getRaw("/rows/workers/all")).text(); // made and escaped by the server
  document.getElementById("no-workers").hidden = rows.children.length > 0;
  document.dispatchEvent(new Event("giornata:rows"));
}

export function start() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-hold]");
    if (!button) return;
    const worker = button.closest("[data-worker]").dataset.worker, verb = button.dataset.hold;
    const [title, words] = WORDS[verb];
    if (!await confirmed({ title: `${title} 1 worker?`, words: `${worker}: ${words}`, yes: `${title} it` })) return;
    try {
      await ask(`/api/workers/${part(worker)}/${verb}`, {});
      say(`${worker}: ${verb} asked for`);
      button.blur();
      asked = 0;
      await freshen();
    } catch (error) { say(error.message, true); }
  });
  watch(null, { change: () => freshen().catch(() => {}), snapshot: () => {} });
  setInterval(() => { if (!document.hidden) freshen().catch(() => {}); }, 5000);
}
