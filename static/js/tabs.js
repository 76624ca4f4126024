// Tabs and the two forms of a diff. Without script the sections stand one below the other.
const chosen = {};

function showTab(list, tab, focus) {
  for (const other of list.querySelectorAll("[role=tab]")) {
    const on = other === tab;
    other.setAttribute("aria-selected", String(on));
    other.tabIndex = on ? 0 : -1;
    const panel = document.getElementById(other.getAttribute("aria-controls"));
    if (panel) panel.hidden = !on;
  }
  chosen.tab = tab.id;
  if (focus) tab.focus();
}

function startList(list) {
  const tabs = [...list.querySelectorAll("[role=tab]")];
  tabs.forEach((tab, at) => {
    tab.addEventListener("click", (event) => { event.preventDefault(); showTab(list, tab); });
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      showTab(list, tabs[(at + step + tabs.length) % tabs.length], true);
    });
  });
  const wanted = location.hash.slice(1);
  showTab(list, tabs.find((tab) => tab.id === (chosen.tab || `t-${wanted}`)) || tabs[0]);
}

export function stepTab(step) {
  const list = document.querySelector("[role=tablist]");
  if (!list) return;
  const tabs = [...list.querySelectorAll("[role=tab]")];
  const at = tabs.findIndex((tab) => tab.getAttribute("aria-selected") === "true");
  showTab(list, tabs[(at + step + tabs.length) % tabs.length], true);
}

function showDiff(mode) {
  chosen.diff = mode;
  for (const view of document.querySelectorAll("[data-diff-view]")) view.hidden = view.dataset.diffView !== mode;
  for (const link of document.querySelectorAll("[data-diff]")) {
    if (link.dataset.diff === mode) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

export function otherDiff() {
  if (document.querySelector("[data-diff]")) showDiff(chosen.diff === "split" ? "inline" : "split");
}

function startDiff(link) {
  link.addEventListener("click", (event) => { event.preventDefault(); showDiff(link.dataset.diff); });
}

function once(root, selector, start) {
  for (const element of root.querySelectorAll(selector)) {
    if (element.dataset.started) continue;
    element.dataset.started = "yes";
    start(element);
  }
}

export function startTabs(root) {
  once(root, "[role=tablist]", startList);
  once(root, "[data-diff]", startDiff);
  if (root.querySelector("[data-diff-view]")) showDiff(chosen.diff || document.documentElement.dataset.diffMode || "inline");
}
