/** Reporting with a way back: what was saved is said, and the server takes it back with the former figure's age. */
import type { BoardUnit, Counts, FigureReport } from "../../sync/types";
import { m } from "../../paraglide/messages";
import { port } from "../model.svelte";
import { attempt, notify } from "../notices.svelte";

export const countsOf = ({ staffed, occupied, blocked }: BoardUnit): Counts => ({ staffed, occupied, blocked });

/** True when it was saved. */
export async function report(unit: BoardUnit, said: FigureReport, words: (saved: BoardUnit) => string = (saved) => m.figure_saved({ unit: saved.name, n: saved.available })): Promise<boolean> {
  let saved: BoardUnit | null = null;
  await attempt(async () => { saved = await port().reportFigure(unit, said); });
  if (!saved) return false;
  sayUndo(saved, words(saved));
  return true;
}

export function sayUndo(saved: BoardUnit, text: string): void {
  notify(text, () => void attempt(async () => {
    const former = await port().undoFigure(saved);
    notify(m.figure_undone({ unit: former.name, n: former.available }));
  }));
}

export function reportOneMore(unit: BoardUnit, by: 1 | -1): Promise<boolean> {
  return report(unit, { ...countsOf(unit), occupied: unit.occupied - by });
}

export function confirmSame(unit: BoardUnit): Promise<boolean> {
  return report(unit, countsOf(unit), (saved) => m.figure_confirmed({ unit: saved.name }));
}
