/** A short line at the bottom of the screen, with undo where there is one, or at the top, if something is wrong; and what screen readers are told of changes of state. */
import { problemOf } from "./problems";

export interface Notice { text: string; isProblem: boolean; undo?: () => void }

export const notices = $state<{ now: Notice | null; spoken: string }>({ now: null, spoken: "" });

let timer: ReturnType<typeof setTimeout> | undefined;

export function notify(text: string, undo?: () => void): void {
  show({ text, isProblem: false, ...(undo ? { undo } : {}) });
}

/** Something went wrong elsewhere, and nobody tapped for it. */
export function warn(text: string): void {
  show({ text, isProblem: true });
}

export function dismiss(): void {
  notices.now = null;
}

export function announce(text: string): void {
  notices.spoken = text;
}

function show(notice: Notice): void {
  clearTimeout(timer);
  notices.now = notice;
  timer = setTimeout(dismiss, notice.isProblem || notice.undo ? 8000 : 3500);
}

/** Does `act`; a refusal is shown in words. True when it was done. */
export async function attempt(act: () => Promise<unknown>): Promise<boolean> {
  try {
    await act();
    return true;
  } catch (error) {
    const problem = problemOf(error);
    show({ text: `${problem.what} ${problem.next}`, isProblem: true });
    return false;
  }
}
