import js from "@eslint/js";
import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";
import svelteConfig from "./svelte.config.js";

/** `crypto <- store <- sync <- features`: a lower layer may not import an upper one. */
const below = (...upper) => ({
  "no-restricted-imports": ["error", { patterns: [{ group: upper, message: "import direction: crypto <- store <- sync <- features" }] }],
});

export default ts.config(
  { ignores: ["dist", "node_modules", "src/paraglide"] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  { languageOptions: { globals: { ...globals.browser, ...globals.node } } },
  {
    rules: {
      eqeqeq: "error",
      "no-console": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_", ignoreRestSiblings: true }],
    },
  },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parserOptions: { parser: ts.parser, svelteConfig, extraFileExtensions: [".svelte"] } },
  },
  {
    files: ["src/crypto/**"],
    rules: {
      ...below("**/store/**", "**/sync/**", "**/features/**", "**/ui/**", "**/images/**", "svelte*"),
      "no-restricted-globals": ["error", "fetch", "window", "document", "localStorage", "indexedDB"],
    },
  },
  { files: ["src/store/**"], rules: below("**/sync/**", "**/features/**", "**/ui/**", "svelte*") },
  { files: ["src/sync/**"], rules: below("**/features/**", "**/ui/**", "svelte*") },
);
