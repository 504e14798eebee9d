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

// A picture of 1 px is not made yet and asked for again, more and more patiently; one of 2 px never will be.
const waits = new WeakMap();
function look(image) {
  if (!image.matches("[data-preview], [data-last]")) return;
  const stands = image.naturalHeight <= 1;
  image.classList.toggle("absent", stands);
  if (!stands || image.naturalWidth !== 1) return;
  const tries = (waits.get(image) ?? 0) + 1, asked = image.getAttribute("src");
  waits.set(image, tries);
  if (tries > 8) return;
  setTimeout(() => {
    if (!image.isConnected || image.getAttribute("src") !== asked) return;
    image.src = `${asked.split(/[?&]again=/)[0]}${asked.includes("?") ? "&" : "?"}again=${tries}`;
  }, 1000 * 1.6 ** tries);
}
for (const kind of ["load", "error"]) {
  document.addEventListener(kind, (event) => { if (event.target instanceof HTMLImageElement) look(event.target); }, true);
}
for (const image of document.images) if (image.complete) look(image);

tellAges();
setInterval(tellAges, 20000);
document.addEventListener("giornata:rows", tellAges);
onConfirm();

const name = PAGES[document.body.dataset.page];
if (name) (await import(name)).start();
document.querySelector("[data-sign-out]")?.addEventListener("click", async () => {
  stop(); // what is still being loaded would be refused
  dispatchEvent(new Event("pagehide"));
  await ask("/logout", {}).catch((error) => say(error.message, true));
  location.assign("/login");
});
document.documentElement.dataset.ready = "yes";
