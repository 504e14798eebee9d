// The list of a job's items: filters that live in the address, choosing, and what is done with many at once.
import { ask, confirmed, get, getRaw, mayChange, part, say } from "./ask.js";
import { count, whole } from "./words.js";

const LIMIT = 60, MOST = 1000;
const rows = () => document.getElementById("item-rows");
const pressed = (name) => [...document.querySelectorAll(`button[data-${name}][aria-pressed="true"]`)].map((one) => one.dataset[name]);

export function startItems({ job, api, counts, told }) {
  let changedTo = () => {}, stale = 0;
  const chosen = new Set();

  function wanted() {
    const query = new URLSearchParams(location.search);
    const range = query.has("first") && query.has("last") ? [Number(query.get("first")), Number(query.get("last"))] : null;
    return { states: query.getAll("state"), classes: query.getAll("class"), range };
  }

  function narrow(change) {
    const next = { ...wanted(), ...change }, query = new URLSearchParams();
    for (const state of next.states) query.append("state", state);
    for (const kind of next.classes) query.append("class", kind);
    if (next.range) { query.set("first", next.range[0]); query.set("last", next.range[1]); }
    history.pushState(null, "", query.size ? `?${query}` : location.pathname);
    reflect();
  }

  function reflect() {
    const now = wanted();
    for (const [name, on] of [["state", now.states], ["class", now.classes]]) {
      for (const chip of document.querySelectorAll(`button[data-${name}]`)) chip.setAttribute("aria-pressed", String(on.includes(chip.dataset[name])));
    }
    changedTo(now);
    list(null).catch((error) => say(error.message, true));
  }

  function query(after) {
    const { states, classes, range } = wanted(), asked = new URLSearchParams({ limit: LIMIT });
    for (const state of states) asked.append("state", state);
    for (const kind of classes) asked.append("class", kind);
    const start = after || (range && range[0] > 0 ? `${range[0] - 1}:~` : "");
    if (start) asked.set("after", start);
    return asked;
  }

  async function list(after) {
    const response = await getRaw(`/rows/jobs/${part(job)}/items?${query(after)}`);
    const holder = document.createElement("template"), range = wanted().range;
    holder.innerHTML = await response.text(); // made and escaped by the server
    let next = response.headers.get("x-next") ?? "";
    if (range) {
      for (const row of [...holder.content.querySelectorAll("tr")]) if (Number(row.dataset.position) > range[1]) { row.remove(); next = ""; }
    }
    if (after) rows().append(holder.content);
    else { rows().replaceChildren(holder.content); chosen.clear(); }
    rows().dataset.next = next;
    document.getElementById("more").hidden = !next;
    document.getElementById("no-items").hidden = rows().children.length > 0;
    document.getElementById("items-range").textContent = range ? `${whole(range[0] + 1)} to ${whole(range[1] + 1)}` : "";
    for (const box of rows().querySelectorAll("input")) box.checked = chosen.has(box.value);
    tellChosen();
    document.dispatchEvent(new Event("giornata:rows"));
  }

  // How many items the filters leave, as far as the counters say.
  function matching() {
    const { states, classes, range } = wanted();
    if (classes.length || range || !states.length) return null;
    return states.reduce((sum, state) => sum + (counts()[state] ?? 0), 0);
  }

  function tellChosen() {
    if (!mayChange()) return;
    const { states, classes, range } = wanted(), filtered = (states.length || classes.length) && !range;
    const all = matching();
    document.getElementById("picked").textContent = chosen.size ? `${whole(chosen.size)} chosen` : filtered ? `all ${all === null ? "" : `${whole(all)} `}that are shown by the filters` : "none chosen";
    for (const button of document.querySelectorAll("[data-bulk]")) button.disabled = !chosen.size && !filtered;
  }

  async function everyId() {
    const ids = [], { states, classes } = wanted();
    for (let after = ""; after !== null;) {
      const asked = new URLSearchParams({ limit: MOST });
      for (const state of states) asked.append("state", state);
      for (const kind of classes) asked.append("class", kind);
      if (after) asked.set("after", after);
      const found = await get(api(`/items?${asked}`));
      ids.push(...found.items.map((item) => item.item_id));
      after = found.next;
    }
    return ids;
  }

  async function bulk(verb) {
    const ids = chosen.size ? [...chosen] : await everyId(), words = count(ids.length, "item");
    const does = { retry: ["Retry", "go back into the queue with a clean record."], skip: ["Skip", "are left out; those delivered or at work stay as they are."] }[verb];
    if (!ids.length) { say("no item is like that"); return; }
    if (!await confirmed({ title: `${does[0]} ${words}?`, words: `${words} of this job ${does[1]}`, yes: `${does[0]} ${words}` })) return;
    let moved = 0;
    for (let start = 0; start < ids.length; start += MOST) {
      const order = { items: ids.slice(start, start + MOST) };
      if (verb === "retry") order.states = ["done", "failed", "quarantined", "skipped", "cancelled"];
      const answer = await ask(api(`/${verb}`), order);
      moved += answer.items;
      told(answer.job);
    }
    say(`${count(moved, "item")} ${verb === "retry" ? "back in the queue" : "skipped"}`);
    chosen.clear();
    await list(null);
  }

  document.addEventListener("click", (event) => {
    const chip = event.target.closest("button[data-state], button[data-class]");
    if (chip) {
      const name = chip.dataset.state ? "state" : "class";
      chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
      narrow(name === "state" ? { states: pressed("state") } : { classes: pressed("class") });
    }
    const button = event.target.closest("[data-bulk]");
    if (button) bulk(button.dataset.bulk).catch((error) => say(error.message, true));
    if (event.target.id === "more") list(rows().dataset.next).catch((error) => say(error.message, true));
  });
  document.addEventListener("change", (event) => {
    const box = event.target;
    if (box.id === "pick-all") for (const one of rows().querySelectorAll("input")) { one.checked = box.checked; box.checked ? chosen.add(one.value) : chosen.delete(one.value); }
    else if (box.closest?.("#item-rows")) box.checked ? chosen.add(box.value) : chosen.delete(box.value);
    tellChosen();
  });
  addEventListener("popstate", reflect);
  setInterval(() => { // order and choice stay while somebody is choosing
    if (stale && Date.now() - stale > 2500 && !chosen.size && rows().children.length <= LIMIT && !rows().contains(document.activeElement)) {
      stale = 0;
      list(null).catch(() => {});
    }
  }, 1000);
  tellChosen();
  return {
    wanted, narrow, onChange: (handler) => { changedTo = handler; },
    changed: (runs) => {
      const shown = [...rows().children].map((row) => Number(row.dataset.position));
      const [low, high] = [shown[0] ?? 0, shown.at(-1) ?? 0];
      if (!runs || wanted().states.length || runs.some(([first, last]) => last >= low && (first <= high || shown.length < LIMIT))) stale ||= Date.now();
    },
  };
}
