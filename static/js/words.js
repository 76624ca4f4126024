// What scripts say, in the page's language: the server writes the words into the head (templates/_head.html).
const words = document.querySelector("meta[name=words]")?.dataset || {};

export function word(name, values = {}) {
  return (words[name] || "").replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}
