import { registerServiceWorker } from "./worker";
import { mount } from "svelte";
import "./app.css";
import App from "./App.svelte";
import { Wardline } from "./sync";

const target = document.getElementById("app");
if (target) mount(App, { target, props: { wardline: new Wardline() } });
if (import.meta.env.PROD) void registerServiceWorker();
