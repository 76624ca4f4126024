// One stream per visible tab. Messages carry kind, id and version only; the fragment is fetched with the reader's own permissions.
// An element says what it shows: data-live="action:act_…" or "action:*"; it gets the event cs:changed and fetches itself by htmx.
const POLL_MS = 15000;
const GATHER_MS = 120;
const waiting = new Map();
// The newest version heard of, by "kind:id": an answer that was on its way meanwhile may show an older one.
const newest = new Map();

function show(dot, state, word) {
  dot.dataset.state = state;
  if (dot.textContent !== word) dot.textContent = word;
}

function wake(element) {
  clearTimeout(waiting.get(element));
  waiting.set(element, setTimeout(() => {
    waiting.delete(element);
    if (!element.isConnected || !window.htmx) return;
    // Nobody loses a half-written reason: what holds an open dialog waits until it is closed.
    const dialog = element.querySelector("dialog[open]");
    if (dialog) dialog.addEventListener("close", () => wake(element), { once: true });
    else window.htmx.trigger(element, "cs:changed");
  }, GATHER_MS));
}

function tell(kind, id) {
  for (const element of document.querySelectorAll("[data-live]")) {
    const wanted = element.dataset.live.split(" ");
    if (wanted.includes(`${kind}:${id}`) || wanted.includes(`${kind}:*`)) wake(element);
  }
}

function isBehind(element) {
  return Number(element.dataset.version) < (newest.get(element.dataset.live) || 0);
}

function wakeAll() {
  for (const element of document.querySelectorAll("[data-live]")) wake(element);
}

export function startLive() {
  const dot = document.querySelector(".cs-live[data-stream]");
  if (!dot) return;
  let stream = null;
  let poll = null;
  let missed = true;

  const hear = (event) => {
    let news;
    try { news = JSON.parse(event.data); } catch { return; }
    if (!news || !news.kind) return;
    const key = `${news.kind}:${news.id}`;
    newest.set(key, Math.max(news.version || 0, newest.get(key) || 0));
    tell(news.kind, news.id);
  };
  const stop = () => {
    stream?.close();
    stream = null;
    clearInterval(poll);
    poll = null;
  };
  const start = () => {
    if (stream || document.hidden) return;
    stream = new EventSource(dot.dataset.stream);
    stream.onopen = () => {
      clearInterval(poll);
      poll = null;
      show(dot, "live", "Live");
      if (missed) wakeAll();
      missed = false;
    };
    stream.onmessage = hear;
    for (const kind of ["action", "run", "event", "news"]) stream.addEventListener(kind, hear);
    stream.onerror = () => {
      missed = true;
      const lost = stream.readyState === EventSource.CLOSED;
      show(dot, lost ? "polling" : "reconnecting", lost ? "Polling" : "Reconnecting");
      if (!poll) poll = setInterval(wakeAll, POLL_MS);
    };
  };
  document.body.addEventListener("htmx:afterSettle", () => {
    for (const element of document.querySelectorAll("[data-live][data-version]")) if (isBehind(element)) wake(element);
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { missed = true; stop(); } else start();
  });
  addEventListener("pagehide", stop);
  start();
}
