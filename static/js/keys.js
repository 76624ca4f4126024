// Single keys, off in fields, with modifiers and while composing text; a switch in the sheet turns them off for good.
// Which key does what is the person's own choice: the page carries it as data-keys.
import { otherDiff, stepTab } from "./tabs.js";
import { word } from "./words.js";

const OFF = "cs-keys-off";
const GO_MS = 1200;
const PLACES = { i: "inbox", a: "actions", r: "runs", e: "events", t: "tools", p: "policies", d: "dashboard" };
const room = matchMedia("(min-width: 1200px)");
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
  // After a decision the next row has the focus and is not open yet: it is the next one.
  const stays = by > 0 && isUnopened(links[focused]);
  const next = links[Math.max(0, Math.min(links.length - 1, stays ? focused : from + by))];
  next.focus();
  if (room.matches && next.hasAttribute("hx-get")) next.click();
}

function isUnopened(link) {
  return Boolean(room.matches && link?.hasAttribute("hx-get") && !link.hasAttribute("aria-current"));
}

// A key means the row that has the focus: where the pane shows another action, that row is opened, and nothing else happens.
function act(selector) {
  const link = rows().find((one) => one === document.activeElement);
  if (isUnopened(link)) link.click();
  else press(selector);
}

function press(selector) {
  const element = document.querySelector(selector);
  if (!element) return false;
  element.click();
  return true;
}

let ticked = null;

function boxOf(link) {
  return link?.closest(".cs-row")?.querySelector("input[type=checkbox]");
}

// The row in focus, else the one that is open; with Shift every row from the last one ticked.
function tick(range) {
  const links = rows();
  const focused = document.activeElement?.closest(".cs-row")?.querySelector(".cs-row-link");
  const here = focused || links.find((link) => link.hasAttribute("aria-current"));
  const box = boxOf(here);
  if (!box) return;
  box.checked = range || !box.checked;
  const from = links.findIndex((link) => link.id === ticked);
  if (range && from >= 0) {
    const ends = [from, links.indexOf(here)].sort((a, b) => a - b);
    for (const link of links.slice(ends[0], ends[1] + 1)) { const other = boxOf(link); if (other) other.checked = true; }
  }
  ticked = here.id;
  const count = document.querySelectorAll(".cs-row input:checked").length;
  const said = document.getElementById("said");
  if (said) said.textContent = word("ticked", { count });
}

// From the pane to its row, from a page to the one above it.
function back() {
  const pane = document.getElementById("pane");
  const row = document.querySelector(".cs-row-link[aria-current]");
  if (pane?.contains(document.activeElement) && row) { row.focus(); return; }
  const up = [...document.querySelectorAll(".cs-crumbs a")].pop();
  if (up) up.click();
}

// What is folded: unchanged parts of the changes, long texts. All of them open, and then all of them close.
function fold() {
  const folds = [...document.querySelectorAll("#action details:not(.cs-drop), main details:not(.cs-drop)")];
  const open = folds.some((one) => !one.open);
  for (const one of folds) one.open = open;
}

// The list's own search; in the inbox it stands among the filters, which open.
function search() {
  const field = document.querySelector("[data-search]") || document.querySelector(".cs-filters input[name=q]");
  const menu = field?.closest("details");
  if (menu) menu.open = true;
  field?.focus();
}

const COMMANDS = {
  next: () => step(1),
  previous: () => step(-1),
  open: () => rows().find((link) => link === document.activeElement || link.hasAttribute("aria-current"))?.click(),
  approve: () => act("[data-key=a]"),
  reject: () => act("[data-key=r]"),
  edit: () => act("[data-key=e]"),
  undo: () => press("[data-key=u]"),
  comment: () => act("[data-key=c]"),
  snooze: () => act("[data-key=s]"),
  diff: otherDiff,
  fold,
  select: () => tick(false),
  range: () => tick(true),
  back,
  previous_tab: () => stepTab(-1),
  next_tab: () => stepTab(1),
  search,
  sheet: () => document.getElementById("keys")?.showModal(),
  go: () => { going = Date.now(); },
};

function keys() {
  const own = JSON.parse(document.documentElement.dataset.keys || "{}");
  const select = Object.keys(own).find((key) => own[key] === "select");
  if (select) own[select.toUpperCase()] = "range";
  return { ...own, Escape: "back" };
}

function busy(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return true;
  if (document.querySelector("dialog[open]")) return true;
  // A box is ticked by the space bar alone: letters pressed on it are ours.
  return Boolean(event.target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable], :popover-open, details[open]"));
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
  const own = keys();
  document.addEventListener("keydown", (event) => {
    if (busy(event) || (areOff() && own[event.key] !== "sheet")) return;
    if (going && Date.now() - going < GO_MS && PLACES[event.key]) {
      going = 0;
      press(`[data-go=${PLACES[event.key]}]`);
      return;
    }
    going = 0;
    const meant = COMMANDS[own[event.key]];
    if (!meant) return;
    event.preventDefault();
    meant();
  });
}
