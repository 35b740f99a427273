import { gzipSync } from "node:zlib";
import { paraglideVitePlugin } from "@inlang/paraglide-js";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";

/** Writes the list of built files into the service worker, so that the shell it keeps is exactly this build. */
function shellList(): Plugin {
  return {
    name: "wardline-shell-list",
    apply: "build",
    enforce: "post",
    generateBundle(_options, bundle) {
      const files = Object.keys(bundle).filter((name) => name !== "sw.js" && name !== "index.html");
      const worker = bundle["sw.js"];
      if (worker?.type !== "chunk") throw new Error("the service worker was not built");
      const shell = JSON.stringify(["/", ...files.map((name) => `/${name}`)].sort());
      if (!worker.code.includes("__SHELL__")) throw new Error("the service worker names no shell");
      worker.code = worker.code.replace("__SHELL__", () => shell);
    },
  };
}

const MOST_AT_START = 180_000;

/** What a phone fetches before the first screen is the night's way alone (bytes of JavaScript, gzipped); other screens come when they are opened. */
function startBudget(): Plugin {
  return {
    name: "wardline-start-budget",
    apply: "build",
    enforce: "post",
    generateBundle(_options, bundle) {
      const wanted = Object.values(bundle).flatMap((file) => (file.type === "chunk" && file.name === "index" && file.isEntry ? [file.fileName] : []));
      const found = new Set<string>();
      for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
        const file = bundle[name];
        if (found.has(name) || file?.type !== "chunk") continue;
        found.add(name);
        wanted.push(...file.imports);
      }
      const bytes = [...found].reduce((sum, name) => sum + gzipSync((bundle[name] as { code: string }).code).length, 0);
      if (!found.size || bytes > MOST_AT_START) throw new Error(`a first visit fetches ${bytes} bytes of JavaScript, and ${MOST_AT_START} is the most`);
    },
  };
}

export default defineConfig({
  plugins: [
    paraglideVitePlugin({
      project: "./project.inlang",
      outdir: "./src/paraglide",
      strategy: ["localStorage", "preferredLanguage", "baseLocale"],
    }),
    svelte(),
    shellList(),
    startBudget(),
  ],
  build: {
    target: "es2023",
    // An inlined asset would be a data: URL, which the content security policy refuses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: { index: "index.html", sw: "src/sw.ts" },
      output: {
        entryFileNames: (chunk) => (chunk.name === "sw" ? "sw.js" : "assets/[name]-[hash].js"),
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: "assets/[name]-[hash][extname]",
      },
    },
  },
});
