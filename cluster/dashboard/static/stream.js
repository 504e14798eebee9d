// One stream of events for a page: closed while nobody looks, and taken up where it was.
const SILENCE_MS = 40000; // the service says something every 15 s

export function watch(job, handlers) {
  let source = null, last = "", heard = 0;
  const live = document.getElementById("live");

  function told(isLive) {
    if (!live) return;
    live.hidden = false;
    live.classList.toggle("off", !isLive);
    live.textContent = isLive ? "live" : "waiting for the service";
  }

  function open() {
    source?.close();
    const query = new URLSearchParams();
    if (job) query.set("job", job);
    if (last) query.set("last", last);
    heard = Date.now();
    source = new EventSource(`/api/watch?${query}`);
    source.onopen = () => { heard = Date.now(); told(true); };
    source.onerror = () => {
      told(false);
      if (source.readyState === EventSource.CLOSED) setTimeout(() => { if (!document.hidden) open(); }, 3000);
    };
    for (const kind of ["snapshot", "change", "items"]) {
      source.addEventListener(kind, (event) => {
        heard = Date.now();
        if (event.lastEventId) last = event.lastEventId;
        told(true);
        handlers[kind]?.(JSON.parse(event.data));
      });
    }
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { source?.close(); source = null; } else open();
  });
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => { if (event.persisted) open(); });
  setInterval(() => { if (source && Date.now() - heard > SILENCE_MS && source.readyState !== 1) open(); }, 10000);
  if (!document.hidden) open();
}
