// Times that go on: what is left until a deadline, and how long ago something was.
import { word } from "./words.js";

const EVERY_MS = 1000;

function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function countDown(element, now) {
  const end = Date.parse(element.dataset.until);
  const start = Date.parse(element.dataset.since);
  const left = (end - now) / 1000;
  const text = element.querySelector("[data-left]");
  if (text) put(text, left > 0 ? `${span(left)}${element.dataset.suffix || ""}` : word("over"));
  element.classList.toggle("soon", left < Math.min(900, (end - start) / 5000));
  const ring = element.querySelector(".fg");
  const share = Math.max(0, Math.min(100, Math.round((100 * (end - now)) / (end - start || 1))));
  if (ring) ring.setAttribute("stroke-dasharray", `${share} 100`);
}

function tick() {
  const now = Date.now();
  for (const element of document.querySelectorAll("[data-until]")) countDown(element, now);
  for (const element of document.querySelectorAll("time[data-ago]")) {
    put(element, span((now - Date.parse(element.dateTime)) / 1000) + (element.dataset.ago || ""));
  }
}

export function startClocks() {
  setInterval(() => { if (!document.hidden) tick(); }, EVERY_MS);
}
