// The SDK's README tells the truth: its examples compile under the project's own strict settings, and run.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { FakeApi } from "../support/fake-api.ts";
import { adminKey, png } from "../support/fake-services.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const readme = readFileSync(new URL("../../sdk/README.md", import.meta.url), "utf8");
const examples = Array.from(readme.matchAll(/^```ts\n([\s\S]*?)^```$/gm), ([, code = ""]) => code);
// Inside the project, so that the package's name resolves as it does for its users.
const folder = mkdtempSync(join(here, ".readme-"));
const api = new FakeApi();

before(async () => {
  await api.start();
  api.state.before.set("StartRun", () => {
    const run = api.state.runs.at(-1);
    assert.ok(run);
    api.tell(run, "STEP_DONE", { step: "save", duration: { seconds: 1n } });
    if (run.run.workflow === "ehr.create-patient") {
      api.end(run, "FAILED", { failure: { category: "APP_CRASHED", message: "it is gone" } });
    } else api.end(run, "SUCCEEDED", { outputs: { title: "hello" } });
  });
  writeFileSync(join(folder, "key"), `${adminKey}\n`);
  writeFileSync(join(folder, "notes.save.yaml"), "workflow: notes.save\n");
  writeFileSync(join(folder, "ok.png"), png);
  writeFileSync(join(folder, "cursor"), "at-0");
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ extends: "../../../tsconfig.json", include: ["*.ts"] }),
  );
  for (const [index, code] of examples.entries()) {
    // Only the address differs: the fake listens on a port of its own.
    writeFileSync(join(folder, `example-${index + 1}.ts`), code.replaceAll("http://127.0.0.1:7400", api.url));
  }
});
after(async () => {
  await api.kill();
  rmSync(folder, { recursive: true });
});

async function run(command: string, args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(command, args, { cwd: folder, env: { ...process.env, DROVER_KEY: adminKey } });
  const code = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, out, err };
}

test("every example compiles", { timeout: 60_000 }, async () => {
  assert.equal(examples.length, 3);
  const tsc = fileURLToPath(new URL("../../node_modules/.bin/tsc", import.meta.url));
  const { out } = await run(tsc, ["-p", folder]);
  // Only what is said of the examples: other rooms are checked by the project's own check.
  const complaints = out.split("\n").filter((line) => line.startsWith("example-") || line.includes(basename(folder)));
  assert.deepEqual(complaints, []);
});

const expected = [
  /^save 1000\n\{ title: 'hello' \}\n$/,
  /^FAILED APP_CRASHED safe to start again\n$/,
  /^01980000-[^\n]+\n01980000-[^\n]+\n(?:01980000-[^\n]+\n)*\[ 'vm-1.*' \]\n$/,
];
for (const [index, output] of expected.entries()) {
  test(`example ${index + 1} runs and prints what it says`, { timeout: 30_000 }, async () => {
    const { code, out, err } = await run(process.execPath, ["--no-warnings", `example-${index + 1}.ts`]);
    assert.equal(code, 0, err);
    assert.match(index === 1 ? err : out, output);
  });
}
