import { ask } from "./ask.js";

export function start() {
  const form = document.getElementById("sign-in"), refused = document.getElementById("refused");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    refused.hidden = true;
    try {
      await ask("/login", { token: form.elements.token.value });
      const next = form.dataset.next;
      location.assign(next.startsWith("/") && !next.startsWith("//") ? next : "/");
    } catch (error) {
      refused.textContent = error.message;
      refused.hidden = false;
      form.elements.token.select();
    }
  });
}
