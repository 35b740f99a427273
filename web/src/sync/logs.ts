/** The logs of statements as a person sees them: sizes, and roots as digits to read to each other. */
import { type Bytes, type Directory, type Head, headFingerprint, onlyProtocol, rootFingerprint, type Watching } from "../crypto";
import type { HeadView, LogView } from "./types";

export async function shownLogs(watching: Watching, directory: Directory): Promise<LogView[]> {
  const logs = watching.hospitals().map(async (hospital): Promise<LogView> => {
    const { signedSize, ...head } = await watching.head(hospital);
    const root = rootOf(directory, hospital);
    const trouble = watching.trouble(hospital);
    const warned = [...watching.warned.values()].filter((each) => each.hospital === hospital);
    return {
      hospital,
      ...(await shown(head)),
      rootDigits: root && (await rootFingerprint(root)),
      signedSize,
      trouble: trouble && { code: trouble.code, by: trouble.by, mine: await shown(trouble.mine), shown: await shown(trouble.shown) },
      warnings: warned.map(({ code, by }) => ({ code, by })),
    };
  });
  return Promise.all(logs);
}

function rootOf(directory: Directory, hospital: string): Bytes | null {
  try {
    return directory.latest("root", hospital)?.body.sign ?? null;
  } catch (error) {
    return onlyProtocol(error);
  }
}

async function shown({ size, root }: Head): Promise<HeadView> {
  return { size, digits: await headFingerprint({ size, root }) };
}
