// One image: the slider between before and after, its tiles, deep zoom, how it was made.
import { ask, confirmed, get, part, say } from "./ask.js";
import { byWorker, drawPlan, planOf } from "./tiles.js";
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
    $("no-result").hidden = root().dataset.state !== "done" || !$("after").classList.contains("absent");
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
  const wanted = { borders: $("show-tiles").checked, seams: $("show-seams").checked };
  $("tiles").hidden = !plan?.whole || !(wanted.borders || wanted.seams);
  if (!$("tiles").hidden) drawPlan($("tiles"), placed(), plan, wanted);
}

function tellTiles(found, isLive) {
  plan = found;
  const many = plan.columns * plan.rows;
  const size = plan.core_px ? `, cores of at most ${plan.core_px} px` : "";
  const last = Math.max(0, ...(plan.done ?? []).map((one) => one.at_s));
  $("tile-says").textContent = isLive ? `${whole(plan.done.length)} of ${whole(many)} tiles are painted, the last ${duration(last)} after the first. ${byWorker(plan.done)}. What two tiles share is blended at the end.`
    : `${whole(many)} ${many === 1 ? "tile" : "tiles"} (${plan.columns} × ${plan.rows})${size}${plan.overlap_px ? `, overlapping by ${plan.overlap_px} px, halo ${plan.halo_px} px` : ""}${plan.done ? `. ${byWorker(plan.done)}` : ""}`;
  drawTiles();
}

function tellCourse(at) {
  const left = at.left_s === null ? "" : `, about ${duration(at.left_s)} left`;
  const pace = at.steps_per_s === null ? "" : `, ${at.steps_per_s.toPrecision(2)} steps a second`;
  $("tile-says").textContent = `Scale ${at.scale} of ${at.scales} (${at.width} × ${at.height} px), step ${at.step} of ${at.steps}${pace}${left}`;
  const moment = `${at.scale}-${at.step}`;
  $("after").src = `${at.preview}?at=${moment}`;
  showCurve(moment);
}

function showCurve(moment) {
  const image = $("curve");
  image.onload = () => { $("course").hidden = image.naturalWidth <= 2; };  // a stand-in means that there is none
  image.src = `/optimising/${address()}/curve?at=${moment}`;
}

async function grow() {
  const course = await get(`/optimising/${address()}`);
  if (course) tellCourse(course);
  const found = course ? null : await get(`/growing/${address()}`);
  if (found) {
    tellTiles({ ...found, whole: true }, true);
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
  if (made.tiles) tellTiles(planOf(made), false);
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
  for (const box of [$("show-tiles"), $("show-seams")]) {
    box.addEventListener("change", () => {
      drawTiles();
      if (!plan) $("tile-says").textContent = "Nobody wrote down how this picture was cut into tiles.";
      else if (!plan.whole) $("tile-says").textContent = "The tiles were those of a larger picture, of which this is a part or a copy in another size.";
    });
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-act]"), chip = event.target.closest("[data-view]");
    if (button) act(button.dataset.act);
    if (chip) view(chip.dataset.view);
  });
  if (["queued", "leased"].includes(root().dataset.state)) grow().catch(() => {});
  else {
    tellMaking().catch(() => {});
    showCurve("end");
  }
}
