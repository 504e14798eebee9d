// What every page does; the module named like the page does the rest.
import { ask, onConfirm, say } from "./ask.js";
import { ago } from "./words.js";

const PAGES = {
  jobs: "./jobs.js", job: "./job.js", image: "./image.js", failures: "./failures.js",
  workers: "./workers.js", styles: "./styles.js", submit: "./submit.js", login: "./login.js",
};

function tellAges() {
  for (const one of document.querySelectorAll("time[data-ago]")) {
    const at = Date.parse(one.dateTime) / 1000;
    if (!one.title) one.title = one.textContent;
    if (at) one.textContent = ago(at);
  }
}

// A picture that is not made yet is asked for again, more and more patiently.
const waits = new WeakMap();
document.addEventListener("error", (event) => {
  const image = event.target;
  if (!(image instanceof HTMLImageElement) || !image.src.includes("/previews/")) return;
  image.classList.add("absent");
  const tries = (waits.get(image) ?? 0) + 1;
  waits.set(image, tries);
  const asked = image.getAttribute("src");
  if (tries > 4) return;
  setTimeout(() => {
    if (image.isConnected && image.getAttribute("src") === asked) image.src = asked;
  }, 1500 * 2 ** tries);
}, true);
document.addEventListener("load", (event) => {
  if (event.target instanceof HTMLImageElement) event.target.classList.remove("absent");
}, true);
for (const image of document.images) {
  if (image.complete && !image.naturalWidth && image.src.includes("/previews/")) image.classList.add("absent");
}

document.querySelector("[data-sign-out]")?.addEventListener("click", async () => {
  await ask("/logout", {}).catch((error) => say(error.message, true));
  location.assign("/login");
});

tellAges();
setInterval(tellAges, 20000);
document.addEventListener("giornata:rows", tellAges);
onConfirm();

const name = PAGES[document.body.dataset.page];
if (name) (await import(name)).start();
document.documentElement.dataset.ready = "yes";
