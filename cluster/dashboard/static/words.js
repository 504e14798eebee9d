// Numbers and times as the pages show them; the same words as the server's.
export const NOTHING = "–";
export const whole = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f");
export function figure(number) {
  if (number === null || number === undefined) return NOTHING;
  if (number >= 100) return whole(Math.round(number));
  return number >= 10 ? number.toFixed(1) : number.toFixed(2);
}
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return NOTHING;
  if (seconds < 59.95) return `${figure(seconds)} s`;
  const all = Math.round(seconds), minutes = Math.floor(all / 60);
  const two = (number) => String(number).padStart(2, "0");
  if (minutes < 60) return `${minutes} min ${two(all % 60)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${two(minutes % 60)} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
export function ago(at) {
  const seconds = Date.now() / 1000 - at;
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return seconds < 172800 ? `${Math.floor(seconds / 3600)} h ago` : `${Math.floor(seconds / 86400)} d ago`;
}
export const state = (word) => word.replaceAll("_", " ");
const ENDED = ["cancelled", "completed", "completed_with_failures", "failed"];
export const hasEnded = (word) => ENDED.includes(word);
export function eta(job) {
  if (hasEnded(job.state) || !job.total) return NOTHING;
  const seen = job.started_at ? Date.now() / 1000 - job.started_at : 0;
  if (!job.rates?.eta || (job.settled < 20 && seen < 120)) return "unknown";
  const [low, high] = [duration(job.rates.eta.low_s), duration(job.rates.eta.high_s)];
  return low === high ? low : `${low} – ${high}`;
}
export const leaf = (path) => path.replace(/\/+$/, "").split("/").pop() || path;
export const count = (number, word) => `${whole(number)} ${word}${number === 1 ? "" : "s"}`;
