// Talking to the service: what changes carries the page's proof; what goes wrong is said in its words.
const meta = (name) => document.querySelector(`meta[name="${name}"]`);
export const mayChange = () => meta("may-change")?.content === "yes";
export const part = encodeURIComponent;

async function answered(response) {
  if (response.ok) return response;
  let told = { code: "", message: `${response.status} ${response.statusText}` };
  try { told = await response.json(); } catch { /* not ours: the status says all */ }
  throw Object.assign(new Error(told.message), { code: told.code, status: response.status });
}

async function renewed() {
  const told = await (await answered(await fetch("/session"))).json();
  meta("csrf").content = told.csrf;
}

async function sent(path, method, body, kind, again) {
  const headers = { "content-type": kind, "x-giornata-csrf": meta("csrf")?.content ?? "" };
  const response = await fetch(path, { method, headers, body });
  if (response.status === 403 && again) {
    const told = await response.clone().json().catch(() => ({}));
    if (told.code === "csrf") { // the service was started again since this page was made
      await renewed();
      return sent(path, method, body, kind, false);
    }
  }
  return answered(response);
}

export const ask = async (path, order, method = "POST") =>
  (await sent(path, method, JSON.stringify(order), "application/json", true)).json();
export const askRaw = (path, order) => sent(path, "POST", JSON.stringify(order), "application/json", true);
export const upload = async (path, file) => (await sent(path, "POST", file, "application/octet-stream", true)).json();
export const get = async (path) => (await answered(await fetch(path))).json();
export const getRaw = async (path) => answered(await fetch(path));

export function say(words, isBad = false) {
  const toast = document.createElement("p");
  toast.className = isBad ? "toast bad" : "toast";
  toast.textContent = words;
  document.getElementById("toasts").append(toast);
  setTimeout(() => toast.remove(), isBad ? 9000 : 4500);
}

let answer = null;
export function onConfirm() {
  const dialog = document.getElementById("confirm");
  dialog.addEventListener("close", () => {
    answer?.(dialog.returnValue === "yes");
    answer = null;
  });
}

export function confirmed({ title, words, yes, danger = false }) {
  const dialog = document.getElementById("confirm");
  document.getElementById("confirm-title").textContent = title;
  document.getElementById("confirm-words").textContent = words;
  const button = document.getElementById("confirm-yes");
  button.textContent = yes;
  button.classList.toggle("danger", danger);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => { answer = resolve; });
}
