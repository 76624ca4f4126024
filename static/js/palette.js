// Ctrl+K: pages, ids, tools and commands. The server finds, by the reader's own permissions; this moves the focus.
function hits() {
  return [...document.querySelectorAll("#found [data-hit]")];
}

function move(dialog, by) {
  const all = [dialog.querySelector("input"), ...hits()];
  const at = Math.max(0, all.indexOf(document.activeElement));
  all[(at + by + all.length) % all.length].focus();
}

export function startPalette() {
  const dialog = document.getElementById("palette");
  if (!dialog) return;
  const field = dialog.querySelector("input");
  const opened = () => {
    field.value = "";
    field.focus();
    window.htmx?.trigger(field, "cs:opened");
  };
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    // Nothing opens over a question that waits for its answer.
    if (document.querySelector("dialog[open]:not(#palette)")) return;
    event.preventDefault();
    if (dialog.open) { dialog.close(); return; }
    dialog.showModal();
    opened();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-opens=palette]") && dialog.open) opened();
    // A command does its work by its own attribute; the palette is out of its way by then.
    if (event.target.closest("#found button[data-hit]")) dialog.close();
  }, { capture: false });
  dialog.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) { event.preventDefault(); move(dialog, by); }
  });
  dialog.querySelector("form").addEventListener("submit", (event) => {
    const first = hits()[0];
    if (!first) return;
    event.preventDefault();
    first.click();
  });
}
