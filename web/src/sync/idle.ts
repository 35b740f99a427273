/** Locks after a while without a touch, also when the phone was asleep meanwhile and no timer ran. */

const EVENTS = ["pointerdown", "keydown"] as const;
const CHECK_MS = 5_000;

/** Returns what ends the watch. */
export function watchIdle(afterSeconds: number, onIdle: () => void): () => void {
  let touchedAt = Date.now();
  const touch = () => {
    // A touch that comes too late must not revive what should have been locked.
    if (!check()) touchedAt = Date.now();
  };
  const check = (): boolean => {
    const isIdle = Date.now() - touchedAt > afterSeconds * 1000;
    if (isIdle) onIdle();
    return isIdle;
  };
  const ticking = setInterval(check, CHECK_MS);
  for (const event of EVENTS) addEventListener(event, touch, { capture: true, passive: true });
  document.addEventListener("visibilitychange", check);
  return () => {
    clearInterval(ticking);
    for (const event of EVENTS) removeEventListener(event, touch, { capture: true });
    document.removeEventListener("visibilitychange", check);
  };
}
