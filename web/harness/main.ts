import { mount } from "svelte";
import "../src/app.css";
import App from "../src/App.svelte";
import { inventedWardline } from "./invented";

const target = document.getElementById("app");
const wardline = inventedWardline(new URLSearchParams(location.search));
if (target) mount(App, { target, props: { wardline } });
Object.assign(window, { wardline });
