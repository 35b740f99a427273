import { online } from "svelte/reactivity/window";
import { model } from "./model.svelte";

/** How we reach the service now. The browser knows at once that the network is gone; the socket only after a while. */
export function connection(): typeof model.connection {
  return online.current === false ? "offline" : model.connection;
}
