// What is inside the Windows executable works on Windows, as far as Wine is that.

import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import { winePath } from "../../agent/desktop/wine-session.ts";
import { builtAgent } from "../support/built-agent.ts";
import { reportAll, testInExecutable } from "../support/in-executable.ts";
import { drawWords } from "../support/picture-with-words.ts";
import { startTestWine, startUnderWine } from "../support/wine.ts";

test("what is inside the executable for Windows works: label, addon, text reader, screenshot-desktop's files", async (t) => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const version = "7.8.9-test";
  const [{ path }, session] = await Promise.all([
    builtAgent("win32-x64", { version, releaseKey: privateKey }),
    startTestWine(),
  ]);
  try {
    const picture = join(session.dir, "words.png");
    drawWords(picture);
    const told = {
      DROVER_TEST_VERSION: version,
      DROVER_TEST_PICTURE: winePath(picture),
      DROVER_TEST_KEY: publicKey.export({ type: "spki", format: "der" }).toString("base64"),
    };
    const inner = await testInExecutable(
      "test/agent/executable-inside.ts",
      (env) => startUnderWine(session, path, ["--version"], { ...told, ...env }),
      winePath,
    );
    await reportAll(t, inner);
  } finally {
    await session.stop();
  }
});
