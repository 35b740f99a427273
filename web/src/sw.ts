/**
 * The service worker: keeps the shell of exactly one build, and turns a push into a notification.
 *
 * Invariant: nothing of the API and nothing a person wrote is ever cached or shown here. A push carries an address to open
 * and an urgency, never content.
 */
declare const self: ServiceWorkerGlobalScope;
export type {};
declare const __SHELL__: string[];

const SHELL = __SHELL__;
const CACHE = `shell-${SHELL.join("").length}-${[...SHELL.join("")].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) >>> 0, 7)}`;
const FIXED = ["/assets/icon.svg", "/assets/manifest.webmanifest"];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll([...SHELL, ...FIXED])).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  if (url.pathname === "/") event.respondWith(shellFirstFromNetwork(event.request));
  else if (url.pathname.startsWith("/assets/")) event.respondWith(fromShell(event.request));
});

/** The page itself comes from the network while there is one: an old shell must not outlive a security fix. */
async function shellFirstFromNetwork(request: Request): Promise<Response> {
  try {
    return await fetch(request, { signal: AbortSignal.timeout(3000) });
  } catch {
    return (await caches.match("/", { ignoreSearch: true })) ?? Response.error();
  }
}

async function fromShell(request: Request): Promise<Response> {
  return (await caches.match(request)) ?? fetch(request);
}

self.addEventListener("push", (event) => {
  const note = readPush(event.data?.text());
  event.waitUntil(
    self.registration.showNotification("Wardline", {
      body: note.urgent ? "Dringend / Urgent" : "Neu / New",
      tag: note.path,
      icon: "/assets/icon.svg",
      requireInteraction: note.urgent,
      data: { path: note.path },
    }),
  );
});

/** Reads only what may be shown: an address inside the client and whether it is urgent. */
function readPush(text: string | undefined): { path: string; urgent: boolean } {
  try {
    const read: unknown = JSON.parse(text ?? "{}");
    const { path, urgent } = read as { path?: unknown; urgent?: unknown };
    const isInside = typeof path === "string" && path.startsWith("/#/");
    return { path: isInside ? path : "/", urgent: urgent === true };
  } catch {
    return { path: "/", urgent: false };
  }
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const path = String((event.notification.data as { path: string }).path);
  event.waitUntil(
    self.clients.matchAll({ type: "window" }).then(async (windows) => {
      const open = windows[0];
      if (!open) return self.clients.openWindow(path);
      await open.navigate(path);
      return open.focus();
    }),
  );
});
