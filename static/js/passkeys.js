// A form with data-passkey is sent once a passkey has answered; what it answered goes into the form's field.
//   data-passkey="get" or "create"; data-field names the field;
//   data-options holds what to ask the passkey, or data-options-from says where to ask for that (data-options-by: POST).
import { word } from "./words.js";

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
const packed = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

function asked(options) {
  const found = { ...options, challenge: bytes(options.challenge) };
  if (options.user) found.user = { ...options.user, id: bytes(options.user.id) };
  for (const name of ["allowCredentials", "excludeCredentials"]) {
    if (options[name]) found[name] = options[name].map((one) => ({ ...one, id: bytes(one.id) }));
  }
  return found;
}

function answered(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "authenticatorData", "signature", "userHandle", "attestationObject"]) {
    const part = credential.response[name];
    if (part) response[name] = packed(part);
  }
  return {
    id: credential.id,
    rawId: packed(credential.rawId),
    type: credential.type,
    response,
    clientExtensionResults: credential.getClientExtensionResults(),
    authenticatorAttachment: credential.authenticatorAttachment,
  };
}

async function optionsOf(form) {
  if (form.dataset.options) return JSON.parse(form.dataset.options);
  const method = form.dataset.optionsBy || "GET";
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRFToken"] = form.elements.csrfmiddlewaretoken.value;
  const answer = await fetch(form.dataset.optionsFrom, { method, headers });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail || word("unsaid"));
  return body.request_options || body;
}

function say(form, error) {
  const place = form.querySelector("[data-passkey-error]");
  const gaveUp = error.name === "NotAllowedError" || error.name === "AbortError";
  place.hidden = false;
  place.textContent = gaveUp ? word("unanswered") : error.message;
}

async function answer(form, button) {
  const field = form.elements[form.dataset.field];
  button?.setAttribute("disabled", "");
  try {
    const options = await optionsOf(form);
    const publicKey = asked(options.publicKey);
    // A passkey that signs in by itself is kept on the authenticator together with whose it is.
    if (form.dataset.passkey === "create") {
      publicKey.authenticatorSelection = { ...publicKey.authenticatorSelection, residentKey: "preferred", userVerification: "required" };
    }
    const credential = answered(await navigator.credentials[form.dataset.passkey]({ publicKey }));
    field.value = JSON.stringify(options.challenge ? { challenge: options.challenge, credential } : credential);
    button?.removeAttribute("disabled");
    form.requestSubmit(button || undefined);
  } catch (error) {
    field.value = "";
    button?.removeAttribute("disabled");
    say(form, error);
  }
}

export function startPasskeys() {
  // Before htmx and the lock against double sending hear of it.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.passkey || form.elements[form.dataset.field].value) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (window.PublicKeyCredential) answer(form, event.submitter);
    else say(form, new Error(word("unable")));
  }, { capture: true });
  // An answer counts once: a form that comes back with an error asks again.
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-passkey]")) form.elements[form.dataset.field].value = "";
  });
}
