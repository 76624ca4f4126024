// A form with data-push is sent once the browser has subscribed; its fields then hold what the browser said.
//   data-push holds our public key, data-worker the worker's address.
const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
const isOurs = (found, key) => {
  const held = new Uint8Array(found.options.applicationServerKey || []);
  return held.length === key.length && held.every((one, at) => one === key[at]);
};

async function subscribed(form) {
  const key = bytes(form.dataset.push);
  await navigator.serviceWorker.register(form.dataset.worker);
  const { pushManager } = await navigator.serviceWorker.ready;
  const held = await pushManager.getSubscription();
  if (held && isOurs(held, key)) return held;
  // It was made with a key that counts no longer.
  if (held) await held.unsubscribe();
  return pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
}

async function ask(form) {
  const trouble = form.querySelector("[data-trouble]");
  trouble.hidden = true;
  try {
    if (await Notification.requestPermission() !== "granted") throw new Error("denied");
    const { endpoint, keys } = (await subscribed(form)).toJSON();
    Object.assign(form.elements.endpoint, { value: endpoint });
    Object.assign(form.elements.p256dh, { value: keys.p256dh });
    Object.assign(form.elements.auth, { value: keys.auth });
    form.submit();
  } catch {
    trouble.hidden = false;
  }
}

const form = document.querySelector("form[data-push]");
const isAble = "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
if (form) {
  form.hidden = !isAble;
  form.parentElement.querySelector("[data-unable]").hidden = isAble;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask(form);
  });
}
