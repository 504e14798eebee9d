// One image: the slider between before and after, its tiles, deep zoom, how it was made.
import { ask, confirmed, get, part, say } from "./ask.js";
import { colours } from "./patterns.js";
import { duration, whole } from "./words.js";

const root = () => document.getElementById("image");
const $ = (id) => document.getElementById(id);
const address = () => `${part(root().dataset.job)}/${part(root().dataset.item)}`;
let plan = null, viewer = null;

function slide() {
  const set = () => {
    $("compare").style.setProperty("--at", `${$("slider").value / 10}%`);
    $("slider").setAttribute("aria-valuetext", `${Math.round($("slider").value / 10)} percent before`);
  };
  $("slider").addEventListener("input", set);
  $("slider").addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -20, ArrowRight: 20, PageDown: -100, PageUp: 100 }[event.key];
    if (!step) return;
    event.preventDefault();
    $("slider").value = Number($("slider").value) + step;
    set();
  });
  // Until both are there nobody can compare anything.
  const check = () => {
    const lone = $("before").classList.contains("absent") || $("after").classList.contains("absent");
    for (const one of [$("divider"), $("slider"), ...document.querySelectorAll(".tag")]) one.hidden = lone;
    if (lone) $("compare").style.setProperty("--at", $("after").classList.contains("absent") ? "100%" : "0%");
    else set();
    drawTiles();
  };
  for (const image of [$("before"), $("after")]) for (const kind of ["load", "error"]) image.addEventListener(kind, () => setTimeout(check));
  new ResizeObserver(drawTiles).observe($("compare"));
  check();
}

// Where the picture itself lies inside its box.
function placed() {
  const image = $("after").classList.contains("absent") ? $("before") : $("after");
  const box = { width: image.clientWidth, height: image.clientHeight, left: image.offsetLeft, top: image.offsetTop };
  const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight) || 1;
  const [width, height] = [image.naturalWidth * scale, image.naturalHeight * scale];
  return { left: box.left + (box.width - width) / 2, top: box.top + (box.height - height) / 2, width, height };
}

function drawTiles() {
  const canvas = $("tiles");
  canvas.hidden = !$("show-tiles").checked || !plan;
  if (canvas.hidden) return;
  const frame = $("compare"), ratio = devicePixelRatio || 1;
  canvas.width = frame.clientWidth * ratio;
  canvas.height = frame.clientHeight * ratio;
  const pen = canvas.getContext("2d"), paint = colours(), at = placed();
  pen.scale(ratio, ratio);
  const done = new Map(plan.done ?? []);
  for (let row = 0; row < plan.rows; row++) {
    for (let column = 0; column < plan.columns; column++) {
      const index = row * plan.columns + column;
      const x = at.left + (at.width * column) / plan.columns, y = at.top + (at.height * row) / plan.rows;
      const width = at.width / plan.columns, height = at.height / plan.rows;
      if (plan.done && !done.has(index)) { pen.fillStyle = "rgb(20 18 15 / 45%)"; pen.fillRect(x, y, width, height); }
      pen.lineWidth = 3; pen.strokeStyle = "rgb(0 0 0 / 45%)"; pen.strokeRect(x, y, width, height);
      pen.lineWidth = 1; pen.strokeStyle = "#fff"; pen.strokeRect(x, y, width, height);
      if (width > 44 && height > 22) {
        const words = done.has(index) ? `${index + 1} · +${duration(done.get(index))}` : `${index + 1}`;
        pen.font = "12px system-ui, sans-serif";
        pen.fillStyle = "rgb(20 18 15 / 72%)"; pen.fillRect(x + 5, y + 5, Math.min(pen.measureText(words).width + 10, width - 8), 18);
        pen.fillStyle = "#fff"; pen.fillText(words, x + 10, y + 18, width - 16);
      }
    }
  }
}

function tellTiles(found, isLive) {
  plan = found;
  const many = plan.columns * plan.rows;
  const size = plan.core_px ? `, cores of at most ${plan.core_px} px` : "";
  const last = Math.max(0, ...(plan.done ?? []).map(([, at]) => at));
  $("tile-says").textContent = isLive ? `${whole(plan.done.length)} of ${whole(many)} tiles are painted, the last ${duration(last)} after the first`
    : `${whole(many)} ${many === 1 ? "tile" : "tiles"} (${plan.columns} × ${plan.rows})${size}${plan.overlap_px ? `, overlapping by ${plan.overlap_px} px, halo ${plan.halo_px} px` : ""}`;
  drawTiles();
}

async function grow() {
  const found = await get(`/growing/${address()}`);
  if (found) {
    tellTiles(found, true);
    $("show-tiles").checked = true;
    $("after").src = `/growing/${address()}/picture?at=${found.done.length}`;
  }
  const item = await get(`/api/jobs/${part(root().dataset.job)}/items/${part(root().dataset.item)}`);
  if (item.state !== root().dataset.state && item.state !== "leased") location.reload();
  else setTimeout(() => grow().catch(() => {}), 2000);
}

async function tellMaking() {
  const made = await get(`/provenance/${address()}`);
  if (!made) return;
  $("made").hidden = false;
  $("provenance").textContent = JSON.stringify(made, null, 2);
  if (made.tiles) tellTiles(made.tiles, false);
}

async function zoom() {
  if (viewer) return;
  const frame = $("zoom"), name = document.querySelector('meta[name="static"]').content;
  const picture = `${root().dataset.address}/result?size=large`;
  try {
    await new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = `${name}/openseadragon.min.js`;
      script.onload = resolve;
      script.onerror = reject;
      if (document.querySelector('meta[name="zooms"]')?.content === "yes") document.head.append(script); else reject(new Error());
    });
  } catch {
    const image = new Image();
    image.src = picture;
    image.alt = "The finished picture";
    frame.replaceChildren(image);
    return;
  }
  // It would add a style sheet of its own, which our policy forbids, unless it finds one by this name.
  const marker = document.createElementNS("urn:giornata:none", "style");
  marker.setAttribute("data-openseadragon-mobile-css", "true");
  document.head.append(marker);
  const folder = root().dataset.folder;
  const source = folder ? `/zoom/${address()}/${folder}` : { type: "image", url: picture };
  viewer = window.OpenSeadragon({
    element: frame, tileSources: source, showNavigationControl: false, drawer: "canvas", maxZoomPixelRatio: 4,
    visibilityRatio: 0.5, animationTime: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 0.8,
    gestureSettingsMouse: { clickToZoom: true },
  });
  viewer.addHandler("open", () => { frame.dataset.open = "yes"; });
  viewer.canvas.setAttribute("aria-label", "The finished picture; plus and minus zoom, arrow keys move");
  viewer.canvas.setAttribute("role", "application");
}

function view(name) {
  for (const chip of document.querySelectorAll("[data-view]")) chip.setAttribute("aria-pressed", String(chip.dataset.view === name));
  $("compare").hidden = name !== "compare";
  $("zoom").hidden = name !== "zoom";
  if (name === "zoom") zoom().catch((error) => say(error.message, true));
}

async function act(verb) {
  const { job, item } = root().dataset;
  const words = { retry: ["Retry 1 item?", "It goes back into the queue with a clean record.", "Retry"], skip: ["Skip 1 item?", "It is left out of the batch.", "Skip"] }[verb];
  if (!await confirmed({ title: words[0], words: words[1], yes: words[2] })) return;
  try {
    const order = { items: [item], ...(verb === "retry" ? { states: ["done", "failed", "quarantined", "skipped", "cancelled"] } : {}) };
    const told = await ask(`/api/jobs/${part(job)}/${verb}`, order);
    say(told.items ? "done" : "nothing to do: it waits, is at work, or is delivered");
    if (told.items) setTimeout(() => location.reload(), 600);
  } catch (error) { say(error.message, true); }
}

export function start() {
  slide();
  $("show-tiles").addEventListener("change", () => { drawTiles(); if (!plan) $("tile-says").textContent = "Nobody wrote down how this picture was cut into tiles."; });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-act]"), chip = event.target.closest("[data-view]");
    if (button) act(button.dataset.act);
    if (chip) view(chip.dataset.view);
  });
  if (["queued", "leased"].includes(root().dataset.state)) grow().catch(() => {});
  else tellMaking().catch(() => {});
}
