/** The one clock of all screens, in the server's time: every age and countdown is derived from it, so they tick together. */
export const clock = $state({ now: Date.now() });

/** Ticks once a second while the page is in sight; a page in the background costs nothing. `skew`: milliseconds to the server's clock. */
export function startClock(skew: () => number): () => void {
  const tick = (): void => {
    if (document.visibilityState === "visible") clock.now = Date.now() + skew();
  };
  const timer = setInterval(tick, 1000);
  document.addEventListener("visibilitychange", tick);
  return () => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", tick);
  };
}
