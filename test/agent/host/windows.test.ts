// The host of Windows in drover-agent.exe, under Wine.

import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type WineSession, winePath } from "../../../agent/desktop/wine-session.ts";
import { partFor } from "../../../deploy/agent-build/parts.ts";
import { builtAgent } from "../../support/built-agent.ts";
import { reportAll, testInExecutable } from "../../support/in-executable.ts";
import { startTestWine, startUnderWine } from "../../support/wine.ts";

let session: WineSession;

before(async () => {
  session = await startTestWine();
});

after(() => session?.stop());

test("the executable for Windows has the clocks, the lock, the key's protection and exec of Windows", async (t) => {
  const node = join(session.dir, "node.exe");
  const program = join(session.dir, "exec-program.ts");
  const [{ path }, bytes] = await Promise.all([builtAgent("win32-x64"), partFor("node", "win32-x64", () => {})]);
  writeFileSync(node, bytes);
  copyFileSync(join(import.meta.dirname, "exec-program.ts"), program);
  const paths = { DROVER_TEST_NODE: winePath(node), DROVER_TEST_PROGRAM: winePath(program) };
  const inside = await testInExecutable(
    "test/agent/host/windows-inside.ts",
    (env) => startUnderWine(session, path, ["--version"], { ...env, ...paths }),
    winePath,
  );
  await reportAll(t, inside);
});
