// Who else has an action open. Signs of life go out while this tab is seen, a last one when it is not any more.
// The stream only says that somebody came or went; who it is, is asked with the reader's own permissions.
const SIGN_MS = 25000;
const AGAIN_MS = 30000;
const LEAST_MS = 250;
let at = "";
let there = [];
let asking = null;
let asked = 0;
let said = 0;
let pause = 0;

function sign(address, gone) {
  const token = document.querySelector("[name=csrfmiddlewaretoken]")?.value;
  if (!token || !navigator.onLine) return;
  // Said when: a sign that is handled after the leaving that followed it must not count.
  said = Math.max(said + 1, Date.now());
  const body = new URLSearchParams({ csrfmiddlewaretoken: token, said });
  if (gone) body.set("gone", "yes");
  fetch(address, { method: "POST", body, keepalive: true, redirect: "manual" }).catch(() => {});
}

// The action that is open and seen; empty where there is none that waits for this person.
function open() {
  return document.hidden ? "" : document.querySelector("[data-sign]")?.dataset.sign || "";
}

function move(to) {
  if (to === at) return;
  if (at) sign(at, true);
  if (to) sign(to, false);
  at = to;
}

function show() {
  for (const place of document.querySelectorAll("[data-there]")) {
    const says = there.find((one) => one.action === place.dataset.there)?.says || "";
    const words = place.querySelector("[data-says]");
    if (words.textContent !== says) words.textContent = says;
    if (place.hidden !== !says) place.hidden = !says;
  }
}

async function read(address) {
  asking = null;
  asked = Date.now();
  try {
    const answer = await fetch(address, { redirect: "error" });
    const found = answer.ok ? await answer.json() : { there: [], pause_s: 0 };
    there = found.there;
    pause = found.pause_s * 1000;
  } catch {
    there = [];
  }
  show();
}

export function startPresence() {
  const address = document.querySelector("[data-presence]")?.dataset.presence;
  if (!address) return;
  const ask = () => {
    if (asking || document.hidden || !document.querySelector("[data-there]")) return;
    const wait = Math.max(LEAST_MS, asked + pause - Date.now()) * (1 + Math.random());
    asking = setTimeout(() => read(address), wait);
  };
  const look = () => {
    move(open());
    show();
  };
  document.addEventListener("cs:news", (event) => { if (["presence", "missed"].includes(event.detail.kind)) ask(); });
  document.body.addEventListener("htmx:afterSettle", () => { look(); if (!asked) ask(); });
  document.addEventListener("visibilitychange", () => { look(); ask(); });
  addEventListener("pagehide", () => move(""));
  addEventListener("pageshow", () => { look(); ask(); });
  setInterval(() => { if (at) sign(at, false); }, SIGN_MS);
  // Who closed a laptop says nothing: those who are shown are asked for again.
  setInterval(() => { if (there.length) ask(); }, AGAIN_MS);
  look();
  ask();
}
