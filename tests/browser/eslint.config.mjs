// What ESLint asks of the book's own scripts; `make browser-tools` installs it into _build/browser.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const installed = createRequire(new URL("../../_build/browser/package.json", import.meta.url));
const [js, globals, espree] = ["@eslint/js", "globals", "espree"].map((name) => installed(name));

const readonly = (names) => Object.fromEntries(names.map((name) => [name, "readonly"]));

// A figure's module stands behind common.js, and calls the names of that as its own.
const COMMON = "aebook/live/common.js";
const textOf = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const namesOf = (path) => espree.parse(textOf(path), { ecmaVersion: 2022 }).body
  .flatMap((said) => (said.declarations ?? [said]).map(({ id }) => id.name));
const PARTS = ["hand", "network", "paper", "plane", "training", "vae"]
  .map((name) => `aebook/live/parts/${name}.js`);
const common = namesOf(COMMON), shared = [...common, ...PARTS.flatMap(namesOf)];

// A worker's parts stand one behind the other, too; what trains for a figure last.
const ENGINE = ["plain", "engine"].map((name) => `aebook/live/engine/${name}.js`);
const engine = ENGINE.flatMap(namesOf);

export default [
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2022, sourceType: "script", globals: globals.browser },
    rules: {
      eqeqeq: "error",
      "max-len": ["error", 100],
      "max-lines-per-function": ["error", { max: 40, skipBlankLines: true, skipComments: true }],
      "no-shadow": "error",
      "no-var": "error",
      "prefer-const": "error",
    },
  },
  {
    files: ["aebook/live/*.js"],
    ignores: [COMMON],
    languageOptions: { sourceType: "module", globals: readonly([...shared, "WORKER"]) },
  },
  {
    files: PARTS,
    languageOptions: { globals: readonly(shared) },
    rules: { "no-unused-vars": ["error", { vars: "local" }], "no-redeclare": "off" },
  },
  {
    files: ["aebook/live/engine/*.js"],
    ignores: ENGINE,
    languageOptions: { globals: { ...globals.worker, ...readonly([...engine, "KERNEL"]) } },
  },
  {
    files: ENGINE,
    languageOptions: { globals: readonly(["plainKernel"]) },
    rules: { "no-unused-vars": ["error", { vars: "local" }], "no-redeclare": "off" },
  },
  { files: [COMMON], rules: { "no-unused-vars": ["error", { vars: "local" }] } },
  {
    files: ["book/_ext/live.js"],
    languageOptions: { globals: readonly(["NAME", "arrayOf", "figure"]) },
  },
  {
    files: ["book/assets/*.js", "tools/deck/*.js"],
    languageOptions: { globals: readonly(["katex", "Reveal", "RevealNotes"]) },
  },
  { files: ["**/*.mjs"], languageOptions: { sourceType: "module", globals: globals.node } },
];
