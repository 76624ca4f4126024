// The inbox beside its action: where there is room the action opens in the pane, else the link is followed.
// Where the focus goes once the list is there: ids, the best first; null while nothing was decided.
let focusNext = null;
// What is said of a decision once its page stands: by then the next key finds its button.
let outcome = "";
// The row whose action is on its way into the pane.
let wanted = "";
const room = matchMedia("(min-width: 1200px)");

function mark(link) {
  for (const row of document.querySelectorAll(".cs-row.is-on")) row.classList.remove("is-on");
  for (const other of document.querySelectorAll(".cs-row-link[aria-current]")) other.removeAttribute("aria-current");
  link.closest(".cs-row").classList.add("is-on");
  link.setAttribute("aria-current", "true");
}

function shownRow() {
  return `row-${document.querySelector("#pane [data-action]")?.dataset.action}`;
}

function markShown() {
  if (wanted === shownRow()) wanted = "";
  const link = document.getElementById(wanted || shownRow());
  if (link) mark(link);
}

// New rows wait behind the pill, except where there is no cursor row that they could move.
function hasCursor() {
  const list = document.getElementById("inbox");
  return Boolean(list && (list.scrollTop || list.contains(document.activeElement) || list.querySelector(".is-on")));
}

// The list asks for itself: the pill may be gone before the answer is there, and with it the place of what comes along.
function showNew(event) {
  const pill = event.target.closest?.("a.cs-new[data-rows]");
  if (!pill || !window.htmx || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  window.htmx.ajax("GET", pill.dataset.rows, { source: "#inbox", target: "#inbox", swap: "innerHTML" });
}

function say(text) {
  const line = document.getElementById("said");
  if (line) line.textContent = text;
}

// The focus, and in sight, at once; what only comes back to where it was does not move the page.
function give(element, { quietly = false } = {}) {
  if (!element) return;
  if (!element.matches("a[href], input, textarea, select, button, [tabindex]")) element.tabIndex = -1;
  element.focus({ preventScroll: true });
  if (!quietly) element.scrollIntoView({ block: "nearest", behavior: "instant" });
}

// What was swapped out took the focus along: the question that asks again, the reason, or the title gets it.
function rescue() {
  if (document.activeElement && document.activeElement !== document.body) return;
  const dialog = document.querySelector("dialog[open]");
  if (dialog) { give(dialog.querySelector(".cs-note.bad, .is-invalid, textarea, input:not([type=hidden])")); return; }
  if (focusNext && document.querySelector("#inbox [hx-trigger*='cs:decided']")) return;
  const reason = document.querySelector("#conflict, #refused");
  give(reason || document.querySelector("#action .cs-title"), { quietly: !reason && !focusNext });
  focusNext = null;
}

function afterDecision(event) {
  outcome = event.detail.said || "";
  const row = document.querySelector(".cs-row.is-on");
  const next = row?.nextElementSibling || row?.previousElementSibling;
  const nextId = next?.querySelector(".cs-row-link")?.id;
  focusNext = event.detail.stays ? [shownRow(), nextId] : [nextId];
}

function followFocus(event) {
  if (event.target.id === "inbox" && focusNext) {
    give(focusNext.map((id) => document.getElementById(id)).find(Boolean) || event.target);
    focusNext = null;
  }
  if (event.target.id === "messages") {
    // What is said beside a dialog is behind it.
    document.querySelector("dialog[open]")?.close();
    give(event.target.querySelector("[role=alert]"));
  }
}

export function startPane() {
  let hadFocus = false;
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const place = event.target;
    if (!place.closest?.("#action")) return;
    hadFocus = Boolean(place.contains(document.activeElement) || place.closest("dialog[open]") || place.querySelector("dialog[open]"));
  });

  document.body.addEventListener("click", showNew);
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    const link = event.detail.elt;
    if (!link.matches?.(".cs-row-link")) return;
    if (room.matches) {
      // What is shown, or on its way, is not fetched once more: the answer would shut a question opened meanwhile.
      if (wanted === link.id || (!wanted && shownRow() === link.id)) event.preventDefault();
      else wanted = link.id;
      mark(link);
      return;
    }
    event.preventDefault();
    location.assign(link.href);
  });
  document.body.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.elt?.id === wanted && !event.detail.successful) wanted = "";
  });
  document.body.addEventListener("htmx:afterSettle", (event) => {
    markShown();
    followFocus(event);
    if (event.target.closest?.("#action")) {
      if (hadFocus) rescue();
      if (outcome) say(outcome);
      outcome = "";
    }
    if (event.target.id === "new" && !hasCursor()) event.target.querySelector("a")?.click();
    if (event.target.closest?.("#pane")) document.getElementById("pane").scrollTop = 0;
  });
  // A decision moves the focus on to the next row, and the status line says what happened.
  document.body.addEventListener("cs:decided", afterDecision);
  // Out of the browser's memory comes what was true then.
  addEventListener("pageshow", (event) => {
    if (event.persisted && document.querySelector("[data-live]")) location.reload();
  });
}
