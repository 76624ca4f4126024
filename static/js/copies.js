// A button with data-copies puts the text of that element on the clipboard; without script the text is there to select.
import { word } from "./words.js";

export function startCopies(root) {
  for (const button of root.querySelectorAll("[data-copies][hidden]")) {
    if (navigator.clipboard) button.hidden = false;
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copies]");
  const source = button && document.getElementById(button.dataset.copies);
  if (!source) return;
  await navigator.clipboard.writeText(source.textContent);
  const said = document.getElementById("said");
  if (said) said.textContent = word("copied");
  button.classList.add("is-done");
});
