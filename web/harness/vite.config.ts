import { paraglideVitePlugin } from "@inlang/paraglide-js";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** The screens over invented people, for looking at them: `npx vite build --config harness/vite.config.ts`. Never part of the product's build. */
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  publicDir: fileURLToPath(new URL("../public", import.meta.url)),
  plugins: [
    paraglideVitePlugin({
      project: fileURLToPath(new URL("../project.inlang", import.meta.url)),
      outdir: fileURLToPath(new URL("../src/paraglide", import.meta.url)),
      strategy: ["localStorage", "preferredLanguage", "baseLocale"],
    }),
    svelte({ configFile: fileURLToPath(new URL("../svelte.config.js", import.meta.url)) }),
  ],
  build: { target: "es2023", assetsInlineLimit: 0, modulePreload: { polyfill: false }, outDir: fileURLToPath(new URL("../node_modules/.harness", import.meta.url)), emptyOutDir: true },
});
