// The inbox beside its action: where there is room the action opens in the pane, else the link is followed.
let focusNext = "";
const room = matchMedia("(min-width: 1200px)");

function mark(link) {
  for (const row of document.querySelectorAll(".cs-row.is-on")) row.classList.remove("is-on");
  for (const other of document.querySelectorAll(".cs-row-link[aria-current]")) other.removeAttribute("aria-current");
  link.closest(".cs-row").classList.add("is-on");
  link.setAttribute("aria-current", "true");
}

function markShown() {
  const shown = document.querySelector("#pane [data-action]")?.dataset.action;
  const link = shown && document.getElementById(`row-${shown}`);
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

export function startPane() {
  document.body.addEventListener("click", showNew);
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    const link = event.detail.elt;
    if (!link.matches?.(".cs-row-link")) return;
    if (room.matches) { mark(link); return; }
    event.preventDefault();
    location.assign(link.href);
  });
  document.body.addEventListener("htmx:afterSettle", (event) => {
    markShown();
    if (focusNext && event.target.id === "inbox") {
      document.getElementById(focusNext)?.focus();
      focusNext = "";
    }
    if (event.target.id === "new" && !hasCursor()) event.target.querySelector("a")?.click();
    if (event.target.closest?.("#pane")) document.getElementById("pane").scrollTop = 0;
  });
  // A decision moves the focus on to the next row, and the status line says what happened.
  document.body.addEventListener("cs:decided", (event) => {
    const line = document.getElementById("said");
    if (line) line.textContent = event.detail.said || "";
    const row = document.querySelector(".cs-row.is-on");
    const next = row?.nextElementSibling || row?.previousElementSibling;
    focusNext = next?.querySelector(".cs-row-link")?.id || "";
  });
}
