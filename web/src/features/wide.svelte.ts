/** Room for a place of its own beside the tabs, and for a list with its columns. */
import { MediaQuery } from "svelte/reactivity";

export const wide = new MediaQuery("min-width: 900px");
