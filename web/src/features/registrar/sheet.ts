/** A table of invitations in words, and the one that comes back. */
import type { MadeInvitation, SheetProblem } from "../../sync/house";
import { m } from "../../paraglide/messages";

const COLUMNS: Record<string, () => string> = { name: m.full_name, title: m.title, profession: m.profession, speciality: m.speciality, unit: m.unit };
const SAID: Record<string, (at: { column: string }) => string> = {
  missing: m.sheet_missing, unknown: m.sheet_unknown, too_long: m.sheet_too_long, malformed: m.sheet_malformed, too_many_cells: () => m.sheet_too_many_cells(),
  twice: () => m.sheet_twice(), invited_already: () => m.sheet_invited_already(), member_already: () => m.sheet_member_already(),
};

export function saidOf({ column, code }: SheetProblem): string {
  return SAID[code]?.({ column: COLUMNS[column]?.() ?? column }) ?? code;
}

/** RFC 4180 with a mark, as spreadsheets want it. A cell that would be a formula begins with an apostrophe. */
export function csvOf(made: readonly MadeInvitation[]): string {
  const rows = made.map(({ name, title, profession, speciality, unit, address, expiresAt }) => [name, title, profession, speciality, unit, address, expiresAt]);
  return `\uFEFF${[["name", "title", "profession", "speciality", "unit", "link", "expires_at"], ...rows].map((row) => `${row.map(cellOf).join(";")}\r\n`).join("")}`;
}

function cellOf(text: string): string {
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[";\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}
