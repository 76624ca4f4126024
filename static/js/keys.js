// Single keys, off in fields, with modifiers and while composing text; a switch in the sheet turns them off for good.
import { otherDiff, stepTab } from "./tabs.js";

const OFF = "cs-keys-off";
const GO_MS = 1200;
const PLACES = { i: "inbox", a: "actions", r: "runs", e: "events", t: "tools", p: "policies" };
let going = 0;

// Off for the person wherever they sign in (their preferences), or in this browser (the switch in the sheet).
function areOff() {
  return document.documentElement.dataset.shortcuts === "off" || Boolean(localStorage.getItem(OFF));
}

function rows() {
  return [...document.querySelectorAll(".cs-row-link")];
}

function step(by) {
  const links = rows();
  if (!links.length) return;
  const at = links.findIndex((link) => link === document.activeElement || link.hasAttribute("aria-current"));
  const focused = links.indexOf(document.activeElement);
  const from = focused >= 0 ? focused : at;
  const next = links[Math.max(0, Math.min(links.length - 1, from + by))];
  next.focus();
  if (matchMedia("(min-width: 1200px)").matches && next.hasAttribute("hx-get")) next.click();
}

function press(selector) {
  const element = document.querySelector(selector);
  if (!element) return false;
  element.click();
  return true;
}

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  o: () => rows().find((link) => link === document.activeElement || link.hasAttribute("aria-current"))?.click(),
  a: () => press("[data-key=a]"),
  r: () => press("[data-key=r]"),
  e: () => press("[data-key=e]"),
  u: () => press("[data-key=u]"),
  c: () => press("[data-key=c]"),
  s: () => press("[data-key=s]"),
  d: otherDiff,
  "[": () => stepTab(-1),
  "]": () => stepTab(1),
  "/": () => document.querySelector("[data-search]")?.focus(),
  "?": () => document.getElementById("keys")?.showModal(),
  g: () => { going = Date.now(); },
};

function busy(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return true;
  if (document.querySelector("dialog[open]")) return true;
  return Boolean(event.target.closest?.("input, textarea, select, [contenteditable]"));
}

export function startKeys() {
  const box = document.getElementById("keys-on");
  if (box) {
    box.checked = !areOff();
    box.disabled = document.documentElement.dataset.shortcuts === "off";
    box.addEventListener("change", () => {
      if (box.checked) localStorage.removeItem(OFF);
      else localStorage.setItem(OFF, "yes");
    });
  }
  document.addEventListener("keydown", (event) => {
    if (busy(event) || (areOff() && event.key !== "?")) return;
    if (going && Date.now() - going < GO_MS && PLACES[event.key]) {
      going = 0;
      press(`[data-go=${PLACES[event.key]}]`);
      return;
    }
    going = 0;
    const act = KEYS[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
