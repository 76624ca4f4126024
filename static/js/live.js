// One stream per visible tab. Messages carry kind, id and version only; the fragment is fetched with the reader's own permissions.
// An element says what it shows: data-live="action:act_…" or "action:*"; it gets the event cs:changed and fetches itself by htmx.
const POLL_MS = 15000;
const GATHER_MS = 120;
// What many desks hear at once is fetched over some time; what was missed by all of them as well.
const MISSED_MS = 2000;
// A stream that was refused is asked for again, less and less often.
const REFUSED_MS = [5000, 10000, 20000, 60000];
const waiting = new Map();
// An answer that was on its way while news came may show, and bring, what was before them. So news are counted:
// up to the last of this "kind:id", "kind:*" or of anything, up to the last that an element was told, and up to
// the moment in which a request was sent. What has a version is compared by that: it may be newer than the news.
const ANYTHING = "*";
const last = new Map();
const told = new WeakMap();
const asked = new WeakMap();
const newest = new Map();
let heard = 0;

function show(dot, state) {
  dot.dataset.state = state;
  const word = dot.getAttribute(`data-word-${state}`);
  if (dot.textContent !== word) dot.textContent = word;
}

// The first news begins the wait, and those that come meanwhile share it: a busy hour must not put it off for ever.
function wake(element, spread = 0) {
  if (waiting.has(element)) return;
  waiting.set(element, setTimeout(() => {
    waiting.delete(element);
    if (!element.isConnected || !window.htmx) return;
    // Nobody loses a half-written reason: what holds an open dialog waits until it is closed.
    const dialog = element.querySelector("dialog[open]");
    if (dialog) dialog.addEventListener("close", () => wake(element), { once: true });
    else window.htmx.trigger(element, "cs:changed");
  }, GATHER_MS + Math.random() * spread));
}

// `since`: how many news the element, or the answer that brought it, knew of.
function wakeIfBehind(element, since) {
  const keys = [ANYTHING, ...element.dataset.live.split(" ")];
  const news = keys.map((key) => last.get(key)).filter((one) => one?.number > since);
  if (!news.length) return;
  told.set(element, heard);
  wake(element, Math.min(...news.map((one) => one.spread)));
}

// Keys with the time over which desks spread what they ask for because of them.
function tell(spreads) {
  heard += 1;
  for (const [key, spread] of Object.entries(spreads)) last.set(key, { number: heard, spread });
  for (const element of document.querySelectorAll("[data-live]")) wakeIfBehind(element, heard - 1);
}

function afterAnswer(event) {
  const since = asked.get(event.detail.xhr) ?? heard;
  for (const element of document.querySelectorAll("[data-live]")) {
    if (!element.dataset.version) wakeIfBehind(element, told.get(element) ?? since);
    else if (Number(element.dataset.version) < (newest.get(element.dataset.live) || 0)) wake(element);
  }
}

export function wakeAll(spread = 0) {
  tell({ [ANYTHING]: spread });
}

function spreadNews(news) {
  document.dispatchEvent(new CustomEvent("cs:news", { detail: news }));
}

function hear(event) {
  let news;
  try { news = JSON.parse(event.data); } catch { return; }
  if (!news || !news.kind) return;
  if (news.kind === "missed") {
    wakeAll(MISSED_MS);
  } else {
    const key = `${news.kind}:${news.id}`;
    newest.set(key, Math.max(news.version || 0, newest.get(key) || 0));
    tell({ [key]: 0, [`${news.kind}:*`]: news.spread_ms || 0 });
  }
  spreadNews(news);
}

export function startLive() {
  const dot = document.querySelector(".cs-live[data-stream]");
  if (!dot) return;
  let stream = null;
  let poll = null;
  let again = null;
  let refused = 0;
  // Whether something may have happened that no stream told: at first, and after the tab was hidden.
  let missed = true;

  const quiet = () => {
    stream?.close();
    stream = null;
    clearTimeout(again);
    again = null;
  };
  const stop = () => {
    quiet();
    clearInterval(poll);
    poll = null;
  };
  const start = () => {
    if (stream || document.hidden || !navigator.onLine) return;
    stream = new EventSource(dot.dataset.stream);
    stream.onopen = () => {
      clearInterval(poll);
      poll = null;
      refused = 0;
      show(dot, "live");
      if (missed) { wakeAll(); spreadNews({ kind: "missed" }); }
      missed = false;
    };
    stream.onmessage = hear;
    stream.onerror = () => {
      // A browser that reconnects says which news it heard last, and the stream goes on from there.
      const lost = stream.readyState === EventSource.CLOSED;
      show(dot, lost ? "polling" : "reconnecting");
      if (!poll) poll = setInterval(() => { wakeAll(); spreadNews({ kind: "missed" }); }, POLL_MS);
      if (!lost) return;
      missed = true;
      quiet();
      again = setTimeout(start, REFUSED_MS[Math.min(refused, REFUSED_MS.length - 1)]);
      refused += 1;
    };
  };
  document.body.addEventListener("htmx:beforeSend", (event) => asked.set(event.detail.xhr, heard));
  document.body.addEventListener("htmx:afterSettle", afterAnswer);
  // Meanwhile a question may have been opened in it, or a form of it may be on its way, whose answer needs its place.
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const place = event.target;
    const isOwn = place.matches?.("[data-live]") && event.detail.requestConfig?.elt === place;
    const dialog = isOwn && place.querySelector("dialog[open]");
    const form = isOwn && place.querySelector("form.htmx-request");
    if (!dialog && !form) return;
    event.detail.shouldSwap = false;
    if (dialog) dialog.addEventListener("close", () => wake(place), { once: true });
    else wake(place);
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { missed = true; stop(); } else start();
  });
  addEventListener("offline", () => { missed = true; stop(); show(dot, "off"); });
  addEventListener("online", start);
  addEventListener("pagehide", () => { missed = true; stop(); });
  addEventListener("pageshow", start);
  start();
}
