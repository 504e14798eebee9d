// The library: choosing, mixing, and a picture that follows the sliders.
import { say, upload } from "./ask.js";

const $ = (id) => document.getElementById(id);
const mix = new Map();
const MOST = 6;
let sample = "", painting = "", asked = 0, timer = null;

const chosen = () => painting ? `style=${painting}` : `mix=${[...mix].map(([name, weight]) => `${encodeURIComponent(name)}:${weight}`).join(",")}`;
const address = () => `/styles/try?${chosen()}&strength=${$("strength").value / 100}&sample=${sample}`;

function follow() {
  clearTimeout(timer);
  timer = setTimeout(() => draw(0), 250);
}

function draw(tries) {
  const whole = painting || [...mix.values()].some((weight) => weight > 0), mine = ++asked;
  const next = new Image();
  $("trial-says").textContent = whole ? "painting…" : "";
  next.onload = () => {
    if (mine !== asked) return;
    if (next.naturalHeight <= 1) { // not made yet, or not to be made
      if (next.naturalWidth === 1 && tries < 30) setTimeout(() => { if (mine === asked) draw(tries + 1); }, 1500);
      else $("trial-says").textContent = "this cannot be shown";
      return;
    }
    $("trial").src = next.src;
    $("trial").dataset.mix = whole ? [...mix.keys()].join(" ") : "";
    $("trial-says").textContent = "";
  };
  next.onerror = () => { if (mine === asked) $("trial-says").textContent = "this cannot be shown"; };
  next.src = whole ? `${address()}&again=${tries}` : `/styles/sample?key=${sample}`;
}

function slider(name) {
  const field = document.createElement("div"), label = document.createElement("label"), output = document.createElement("output"), input = document.createElement("input");
  field.className = "field slide";
  field.dataset.mixed = name;
  input.type = "range"; input.min = 0; input.max = 100; input.value = 100; input.id = `mix-${name}`;
  label.htmlFor = input.id;
  label.textContent = name;
  input.addEventListener("input", () => { mix.set(name, Number(input.value)); shares(); follow(); });
  field.append(label, output, input);
  $("mix").append(field);
}

function shares() {
  const total = [...mix.values()].reduce((sum, one) => sum + one, 0) || 1;
  for (const [name, weight] of mix) document.querySelector(`[data-mixed="${CSS.escape(name)}"] output`).textContent = `${Math.round((100 * weight) / total)} %`;
  $("mix-empty").hidden = mix.size > 0 || painting;
  $("no-painting").hidden = !painting;
  const use = $("use");
  if (use) use.href = mix.size ? `/submit?mix=${[...mix].map(([name, weight]) => `${name}:${weight}`).join(",")}&strength=${$("strength").value / 100}` : "/submit";
}

function bring(key) { // a painting stands alone: it is not mixed with styles by name
  for (const card of document.querySelectorAll(".style.chosen")) toggle(card);
  painting = key;
  shares();
  follow();
}

function toggle(card) {
  painting = "";
  const name = card.dataset.style, on = !mix.has(name);
  if (on && mix.size >= MOST) { say(`at most ${MOST} styles in one mix`, true); return; }
  const other = document.querySelector(".style.chosen");
  if (on && other && other.dataset.engine !== card.dataset.engine) { say(`only styles of one engine can be mixed: ${name} is ${card.dataset.engine}`, true); return; }
  card.classList.toggle("chosen", on);
  card.querySelector("button").setAttribute("aria-pressed", String(on));
  if (on) { mix.set(name, 100); slider(name); } else { mix.delete(name); document.querySelector(`[data-mixed="${CSS.escape(name)}"]`).remove(); }
  shares();
  follow();
}

function find(words) {
  for (const group of document.querySelectorAll(".artist")) {
    const artist = group.getAttribute("aria-label").toLowerCase();
    for (const card of group.querySelectorAll(".style")) card.hidden = !`${artist} ${card.textContent.toLowerCase()}`.includes(words);
    group.hidden = !group.querySelector(".style:not([hidden])");
  }
}

export function start() {
  $("find").addEventListener("input", () => find($("find").value.trim().toLowerCase()));
  document.addEventListener("click", (event) => {
    const card = event.target.closest("[data-style]");
    if (card) toggle(card);
  });
  $("strength").addEventListener("input", () => { $("strength-says").textContent = `${$("strength").value} %`; shares(); follow(); });
  $("upload").addEventListener("change", async () => {
    const [file] = $("upload").files;
    if (!file) return;
    try {
      ({ sample } = await upload("/styles/samples", file));
      $("house").hidden = false;
      follow();
    } catch (error) { say(error.message, true); }
    $("upload").value = "";
  });
  $("painting").addEventListener("change", async () => {
    const [file] = $("painting").files;
    if (!file) return;
    try {
      bring((await upload("/styles/samples", file)).sample);
    } catch (error) { say(error.message, true); }
    $("painting").value = "";
  });
  $("no-painting").addEventListener("click", () => bring(""));
  $("house").addEventListener("click", () => { sample = ""; $("house").hidden = true; follow(); });
}
