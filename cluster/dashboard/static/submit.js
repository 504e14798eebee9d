// The form: its fields write the spec until somebody writes it by hand.
import { ask, confirmed } from "./ask.js";
import { duration, figure, whole } from "./words.js";

const $ = (id) => document.getElementById(id);
let byHand = false;

// JSON's quotes are YAML's as well.
const quoted = (text) => (/^[A-Za-z0-9_./*-]+$/.test(text) && !/^[-.*]|^(true|false|null|yes|no|on|off|[\d.]+)$/i.test(text) ? text : JSON.stringify(text));

function written() {
  const styles = [...document.querySelectorAll("#names input:checked")].map((one) => quoted(one.value));
  const mixed = $("submit").dataset.mix.split(",").filter(Boolean).map((one) => one.split(":"));
  if (mixed.length > 1) styles.push(`{mix: {${mixed.map(([name, weight]) => `${name}: ${weight}`).join(", ")}}}`);
  const inputs = $("inputs").value.split(/\s*[\n;]\s*/).filter(Boolean).map(quoted);
  const lines = [`name: ${quoted($("name").value || "batch")}`, `inputs: [${inputs.join(", ")}]`, `styles: [${styles.join(", ")}]`, `destination: ${quoted($("destination").value || "out/")}`];
  const strength = Number($("strength").value) / 100;
  if (strength < 1) lines.push("render:", `  strength: ${strength}`);
  return `${lines.join("\n")}\n`;
}

function write() {
  $("strength-says").textContent = `${$("strength").value} %`;
  if (!byHand) $("text").value = written();
}

const order = (dry) => ({ text: $("text").value, base: $("base").value, priority: Number($("priority").value), dry_run: dry });

function refuse(error) {
  $("refused").textContent = error ? error.message : "";
  $("refused").hidden = !error;
}

function tell(plan) {
  const rows = [["Pictures", whole(plan.pictures)], ["Items", whole(plan.items)], ["Already delivered", whole(plan.delivered)], ["Tiles", whole(plan.tiles)], ["Megapixels", figure(plan.pixels / 1e6)], ["Time", plan.estimated_s === null ? "unknown" : `about ${duration(plan.estimated_s)}`], ["Unreadable", whole(plan.unreadable_total)]];
  $("plan").replaceChildren(...rows.map(([name, value]) => {
    const row = document.createElement("div"), term = document.createElement("dt"), words = document.createElement("dd");
    term.textContent = name;
    words.textContent = value;
    row.append(term, words);
    return row;
  }));
  $("plan").hidden = false;
}

export function start() {
  const form = $("submit");
  byHand = form.dataset.cloned === "yes";
  $("by-hand").hidden = !byHand;
  const mixed = form.dataset.mix.split(",").filter(Boolean);
  if (mixed.length === 1) for (const one of document.querySelectorAll("#names input")) one.checked = one.value === mixed[0].split(":")[0];
  for (const place of form.querySelectorAll(".card:first-child input")) place.addEventListener("input", write);
  $("text").addEventListener("input", () => { byHand = true; $("by-hand").hidden = false; });
  write();
  $("check").addEventListener("click", async () => {
    refuse(null);
    $("check").disabled = true;
    try { tell((await ask("/submit", order(true))).plan); } catch (error) { refuse(error); $("plan").hidden = true; }
    $("check").disabled = false;
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    refuse(null);
    const send = form.querySelector("button.main");
    send.disabled = true;
    try {
      const told = await ask("/submit", order(false));
      if (!told.created) await confirmed({ title: "This batch is going on already", words: "The same batch was submitted before and has not ended.", yes: "Show it" });
      location.assign(`/jobs/${encodeURIComponent(told.job_id)}`);
    } catch (error) { refuse(error); send.disabled = false; }
  });
}
