// The executable for Windows keeps the contract of a desktop on a Windows desktop, as far as Wine is that.

import { test } from "node:test";
import { winePath } from "../../../agent/desktop/wine-session.ts";
import { builtAgent } from "../../support/built-agent.ts";
import { reportAll, testInExecutable } from "../../support/in-executable.ts";
import { startTestWine, startUnderWine } from "../../support/wine.ts";

test("the executable for Windows keeps the contract of a desktop", async (t) => {
  const [{ path }, session] = await Promise.all([builtAgent("win32-x64"), startTestWine()]);
  try {
    const inner = await testInExecutable(
      "test/agent/desktop/windows-inside.ts",
      (env) => startUnderWine(session, path, ["--version"], env),
      winePath,
    );
    await reportAll(t, inner);
  } finally {
    await session.stop();
  }
});
