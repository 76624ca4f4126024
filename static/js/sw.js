// The service worker: shows a push message and opens its page. It keeps nothing and answers no requests.
self.addEventListener("push", (event) => {
  const said = event.data ? event.data.json() : {};
  event.waitUntil(self.registration.showNotification(said.title || "Countersign", {
    body: said.body || "", tag: said.tag || "", data: { path: said.path || "/" },
  }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const wanted = new URL(event.notification.data.path, self.location.origin);
  // Only our own pages, whatever a message says.
  const address = wanted.origin === self.location.origin ? wanted.href : self.location.origin;
  event.waitUntil(self.clients.matchAll({ type: "window", includeUncontrolled: true }).then((open) => {
    const here = open.find((one) => one.url === address);
    return here ? here.focus() : self.clients.openWindow(address);
  }));
});
