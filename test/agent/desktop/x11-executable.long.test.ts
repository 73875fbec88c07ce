// The X11 desktop keeps the same contract in the Linux executable as from its sources.

import { test } from "node:test";
import { builtAgent } from "../../support/built-agent.ts";
import { reportAll, startHere, testInExecutable } from "../../support/in-executable.ts";

test("the executable for Linux keeps the contract of a desktop", async (t) => {
  const { path } = await builtAgent("linux-x64");
  await reportAll(t, await testInExecutable("test/agent/desktop/x11-inside.ts", (env) => startHere(path, env)));
});
