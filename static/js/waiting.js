// What a person sees while the answer is on its way, does not come, or cannot: skeletons, the stale banner, no decisions offline.
import { wakeAll } from "./live.js";

const PATIENCE_MS = 150;
const PLACES = ["pane", "inbox"];
const DECIDING = "form[method=post] [type=submit], .cs-bar a.btn";
const timers = new Map();

function begin(place) {
  clearTimeout(timers.get(place));
  timers.set(place, setTimeout(() => {
    place.classList.add("is-loading");
    if (place.id === "pane") place.scrollTop = 0;
    place.setAttribute("aria-busy", "true");
  }, PATIENCE_MS));
}

function end(place) {
  clearTimeout(timers.get(place));
  place.classList.remove("is-loading");
  place.removeAttribute("aria-busy");
}

function say(banner, what) {
  for (const words of banner.querySelectorAll("[data-when]")) words.hidden = words.dataset.when !== what;
  banner.hidden = !what;
}

function hold() {
  for (const one of document.querySelectorAll(DECIDING)) {
    if (one.matches("a")) one.setAttribute("aria-disabled", "true");
    else if (!one.disabled) { one.disabled = true; one.dataset.held = "yes"; }
  }
}

function release() {
  for (const one of document.querySelectorAll("[data-held]")) { one.disabled = false; delete one.dataset.held; }
  for (const one of document.querySelectorAll(".cs-bar a.btn[aria-disabled]")) one.removeAttribute("aria-disabled");
}

export function startWaiting() {
  const banner = document.getElementById("stale");
  if (!banner) return;
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    const place = event.detail.target;
    // What refreshes itself stays as it is: only what a person asked for is waited for.
    if (!PLACES.includes(place?.id) || place.contains(event.detail.elt) || event.defaultPrevented) return;
    begin(place);
    // Not htmx's own event: it is not heard where the row that was pressed is replaced meanwhile.
    event.detail.xhr.addEventListener("loadend", () => end(place));
  });
  document.body.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.xhr?.status && navigator.onLine) say(banner, "");
  });
  document.body.addEventListener("htmx:sendError", () => {
    say(banner, navigator.onLine ? "away" : "offline");
    // htmx gives back the button that was pressed, which is too early.
    if (!navigator.onLine) hold();
  });
  // An answer that was on its way brings its buttons with it.
  document.body.addEventListener("htmx:afterSettle", () => { if (!navigator.onLine) hold(); });
  addEventListener("offline", () => { hold(); say(banner, "offline"); });
  addEventListener("online", () => { release(); say(banner, ""); wakeAll(); });
  banner.querySelector("button")?.addEventListener("click", () => wakeAll());
  document.addEventListener("click", (event) => {
    if (!event.target.closest("a[aria-disabled=true]")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, { capture: true });
  if (!navigator.onLine) { hold(); say(banner, "offline"); }
}
