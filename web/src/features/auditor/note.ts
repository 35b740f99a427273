/** What a C2SP tlog-checkpoint says: origin, size and root, then the lines of who signed. Pure; proves nothing. */
export interface Note { origin: string; size: number; root: string; signers: string[] }

export function noteOf(text: string): Note | null {
  const [head = "", tail = ""] = text.split("\n\n");
  const [origin, size, root] = head.split("\n");
  if (!origin || !size || !/^\d+$/.test(size) || !root) return null;
  const signers = tail.split("\n").flatMap((line) => /^— (\S+) \S+$/.exec(line)?.[1] ?? []);
  return { origin, size: Number(size), root, signers };
}
