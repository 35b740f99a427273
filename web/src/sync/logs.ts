/** The logs of statements as a person sees them: sizes, and roots as digits to read to each other. */
import { type Head, headFingerprint, type Watching } from "../crypto";
import type { HeadView, LogView } from "./types";

export async function shownLogs(watching: Watching): Promise<LogView[]> {
  const logs = watching.hospitals().map(async (hospital): Promise<LogView> => {
    const { signedSize, ...head } = await watching.head(hospital);
    const trouble = watching.trouble(hospital);
    const warned = [...watching.warned.values()].filter((each) => each.hospital === hospital);
    return {
      hospital,
      ...(await shown(head)),
      signedSize,
      trouble: trouble && { code: trouble.code, by: trouble.by, mine: await shown(trouble.mine), shown: await shown(trouble.shown) },
      warnings: warned.map(({ code, by }) => ({ code, by })),
    };
  });
  return Promise.all(logs);
}

async function shown({ size, root }: Head): Promise<HeadView> {
  return { size, digits: await headFingerprint({ size, root }) };
}
