// What is generated is what is committed: made anew in a folder of its own, and compared. Changes nothing.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { root } from "./sources.ts";

const run = promisify(execFile);
const program = (name: string) => join(root, "node_modules/.bin", name);

function folder(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), "drover-generated-"));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

function contents(directory: string): Record<string, string> {
  const files = readdirSync(directory, { recursive: true, encoding: "utf8", withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  return Object.fromEntries(files.map((file) => [relative(directory, file), readFileSync(file, "utf8")]));
}

for (const [template, made] of [
  ["proto/buf.gen.yaml", "proto/gen"],
  ["proto/buf.gen.sdk.yaml", "sdk/gen"],
] as const) {
  test(`${made} is what ${template} makes of the .proto files`, async (t) => {
    const fresh = folder(t);
    await run(program("buf"), ["generate", "--template", template, "-o", fresh], { cwd: root });
    const [now, committed] = [contents(join(fresh, made)), contents(join(root, made))];
    assert.deepEqual(Object.keys(now), Object.keys(committed), "run: npm run generate");
    for (const [file, text] of Object.entries(now)) {
      assert.ok(text === committed[file], `${made}/${file} differs; run: npm run generate`);
    }
  });
}

test("the schema has no change without a migration", async (t) => {
  const fresh = folder(t);
  const migrations = join(fresh, "migrations");
  cpSync(join(root, "server/store/migrations"), migrations, { recursive: true });
  const before = Object.keys(contents(migrations));
  const config = join(fresh, "drizzle.config.ts");
  writeFileSync(
    config,
    `import config from ${JSON.stringify(join(root, "server/store/drizzle.config.ts"))};
     export default { ...config, out: ${JSON.stringify(relative(root, migrations))} };`,
  );
  // Without an input: where it would have to ask what a change means, it fails.
  const { stdout } = await run(program("drizzle-kit"), ["generate", "--config", config], {
    cwd: root,
    timeout: 60_000,
  });
  assert.deepEqual(Object.keys(contents(migrations)), before, "run: npm run migration");
  assert.match(stdout, /No schema changes/);
});
