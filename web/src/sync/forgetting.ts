/**
 * What a browser keeps of this service besides the local store: the shell's caches, and the service worker with its push subscription.
 *
 * Invariant: a device that was wiped is a browser that was never here; nothing wakes it for somebody who is out.
 */
export async function forgetShell(): Promise<void> {
  if ("serviceWorker" in navigator) {
    const registered = await navigator.serviceWorker.getRegistrations();
    await Promise.all(registered.map((registration) => registration.unregister()));
  }
  if ("caches" in globalThis) await Promise.all((await caches.keys()).map((name) => caches.delete(name)));
}
