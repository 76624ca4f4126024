// What was to be decided and got no answer, or none that is a page: told where it was asked for.
// A dialog hides what is beside it, so what concerns its form is said in it.
function tell(name, status) {
  const note = document.getElementById(name).content.firstElementChild.cloneNode(true);
  const number = note.querySelector("[data-status]");
  if (number) number.textContent = status;
  const place = document.querySelector("dialog[open] form") || document.getElementById("messages");
  for (const old of document.querySelectorAll(".cs-unsent")) old.remove();
  if (place.matches("form")) note.classList.remove("m-3");
  place.prepend(note);
  note.focus();
}

function isAct(event) {
  return event.detail.requestConfig?.verb !== "get";
}

export function startUnanswered() {
  if (!document.getElementById("unsent")) return;
  for (const name of ["htmx:sendError", "htmx:timeout"]) {
    document.body.addEventListener(name, (event) => { if (isAct(event)) tell("unsent"); });
  }
  document.body.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    // 403 is a page of ours, and stands there already.
    if (isAct(event) && status !== 403) tell("failed", status);
  });
}
