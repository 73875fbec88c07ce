// The SDK in browsers: it bundles without a word of Node, and stays small.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** Well above today's size, well below what validation rules in the bundle would make it. */
const gzippedBytesMax = 60_000;

test("the browser bundle holds no import of Node and stays small", async (context) => {
  const entry = fileURLToPath(new URL("../../sdk/web.ts", import.meta.url));
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    platform: "browser",
    format: "esm",
    write: false,
    metafile: true,
  });
  const [file] = result.outputFiles;
  assert.ok(file);
  const imported = Object.values(result.metafile.outputs).flatMap((output) => output.imports);
  assert.deepEqual(imported, [], "nothing is left to import");
  assert.doesNotMatch(file.text, /["']node:|connect-node/);
  const gzipped = gzipSync(file.contents).length;
  context.diagnostic(`${file.contents.length} bytes, ${gzipped} gzipped`);
  assert.ok(gzipped < gzippedBytesMax, `${gzipped} bytes gzipped`);
});
