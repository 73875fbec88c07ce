// Makes one file of a program and everything it imports, as an executable needs it: a CommonJS module that reads nothing
// from a disk, with koffi's native part taken from the executable's assets. The same sources give the same bytes, wherever
// they lie.

import { resolve } from "node:path";
import { build, type Plugin } from "esbuild";

const root = resolve(import.meta.dirname, "../..");
/** The one of the library's builds that is fast on every x64 processor; the others would be 4 MB each. */
const textCore = resolve(root, "node_modules/tesseract.js-core/tesseract-core-simd-lstm.wasm.js");

/** Stands for `import.meta.url`, which a CommonJS module does not have. */
const moduleUrl = 'const moduleUrl = require("node:url").pathToFileURL(__filename).href;';

const replaced: Plugin = {
  name: "replaced-in-executables",
  setup({ onResolve }) {
    onResolve({ filter: /^koffi$/ }, () => ({ path: resolve(root, "agent/executable/koffi.ts") }));
    onResolve({ filter: /^tesseract\.js-core\// }, () => ({ path: textCore }));
  },
};

/** The text of a program for an executable, or for Node at its locked version. Warnings are mistakes. */
export async function bundle(program: string): Promise<Buffer> {
  const { outputFiles, warnings } = await build({
    stdin: { contents: program, resolveDir: root, sourcefile: "program.js" },
    absWorkingDir: root,
    bundle: true,
    write: false,
    platform: "node",
    format: "cjs",
    target: "node22",
    // Names stay, so that a stack tells where.
    minifyWhitespace: true,
    // Node shows the line of an error that nobody caught.
    lineLimit: 160,
    charset: "utf8",
    legalComments: "none",
    define: { "import.meta.url": "moduleUrl" },
    banner: { js: moduleUrl },
    plugins: [replaced],
    logLevel: "silent",
  });
  const [output] = outputFiles;
  if (output === undefined || warnings.length > 0) {
    throw new Error(`${program}: ${warnings.map(({ text, location }) => `${location?.file}: ${text}`).join("; ")}`);
  }
  return Buffer.from(output.contents);
}

export const bundleAgent = (): Promise<Buffer> => bundle('import "./agent/main.ts";');

export const bundleTextWorker = (): Promise<Buffer> => bundle('import "tesseract.js/src/worker-script/node/index.js";');
