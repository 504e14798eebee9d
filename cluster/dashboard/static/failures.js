import { ask, confirmed, part, say } from "./ask.js";
import { count } from "./words.js";

export function start() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-retry]");
    if (!button) return;
    const job = button.closest("[data-job]").dataset.job, kind = button.dataset.retry;
    const words = count(Number(button.dataset.count), "item");
    const go = await confirmed({
      title: `Retry ${words}?`, yes: `Retry ${words}`,
      words: `All items of ${job} that were lost to “${kind.replaceAll("_", " ")}” go back into the queue with a clean record.`,
    });
    if (!go) return;
    button.disabled = true;
    try {
      const changed = await ask(`/api/jobs/${part(job)}/retry`, { classes: [kind] });
      say(`${count(changed.items, "item")} back in the queue`);
      button.textContent = `${changed.items} queued again`;
    } catch (error) { say(error.message, true); button.disabled = false; }
  });
}
