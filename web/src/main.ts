import { registerServiceWorker } from "./worker";
import { mount } from "svelte";
import "./app.css";
import App from "./App.svelte";
import { Wardline } from "./sync";

const target = document.getElementById("app");
const wardline = new Wardline();
if (target) mount(App, { target, props: { wardline } });
// At each unlocking too: who joins in a browser that was wiped a moment ago has none.
if (import.meta.env.PROD) wardline.session.subscribe(({ phase }) => { if (phase === "loading" || phase === "pending") void registerServiceWorker(); });
