/** Pictures opened since unlocking, as object URLs in memory. Emptied on lock, so that a locked phone holds no picture. */
import { SvelteMap } from "svelte/reactivity";
import type { MessageView } from "../../sync/types";
import { port } from "../model.svelte";

const urls = new SvelteMap<string, string>();

export const openedUrl = (message: string): string | undefined => urls.get(message);

/** Every first opening is audited by the server before the bytes leave it. */
export async function openPicture(message: MessageView): Promise<string> {
  const known = urls.get(message.id);
  if (known) return known;
  const url = URL.createObjectURL(await port().openImage(message));
  urls.set(message.id, url);
  return url;
}

export function forgetPictures(): void {
  for (const url of urls.values()) URL.revokeObjectURL(url);
  urls.clear();
}
