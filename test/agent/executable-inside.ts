// What is inside an executable of the agent, seen from inside (executable.test.ts, executable-wine.test.ts). The environment
// tells the version that was built, its release key, and where a picture with words is.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import koffi from "koffi";
import { assetBytes, isExecutable, SCREEN_CAPTURE_ASSETS } from "../../agent/executable/assets.ts";
import { AGENT_VERSION, replaceable, thisProgram } from "../../agent/executable/program.ts";
import { placeScreenCapture } from "../../agent/executable/screen-capture.ts";
import { textReadingFiles } from "../../agent/executable/text-reading.ts";
import { screenSight } from "../../agent/steps/screen-sight.ts";
import { decodePng } from "../../agent/vision/png.ts";
import { wordsInPicture } from "../support/picture-with-words.ts";

const { DROVER_TEST_VERSION: version, DROVER_TEST_PICTURE: picture = "", DROVER_TEST_KEY: key } = process.env;
const onWindows = process.platform === "win32";

test("it knows that it is an executable, its version, and whose signature its successor needs", () => {
  assert.equal(isExecutable, true);
  assert.equal(AGENT_VERSION, version);
  assert.equal(replaceable?.executable, onWindows ? "win32-x64" : "linux-x64");
  assert.equal(replaceable.releaseKey.toString("base64"), key);
  assert.deepEqual(thisProgram(), [process.execPath]);
});

test("its native addon calls the system", () => {
  const [library, declaration] = onWindows
    ? (["kernel32.dll", "uint32_t __stdcall GetCurrentProcessId()"] as const)
    : (["libc.so.6", "int getpid()"] as const);
  assert.equal(koffi.load(library).func(declaration)(), process.pid);
});

test("it reads text off a picture with the reader that it has inside", async () => {
  const sight = screenSight(textReadingFiles());
  try {
    const frame = decodePng(readFileSync(picture));
    const { text } = await sight.readText(frame, { x: 0, y: 0, width: frame.width, height: frame.height });
    for (const words of wordsInPicture) assert.ok(text.includes(words), text);
  } finally {
    await sight.stop();
  }
});

test("the files of screenshot-desktop lie where it looks for them, on Windows", () => {
  placeScreenCapture();
  for (const name of SCREEN_CAPTURE_ASSETS) {
    const file = join(tmpdir(), "screenCapture", name);
    if (onWindows) assert.deepEqual(readFileSync(file), assetBytes(name));
    else assert.equal(existsSync(file), false);
  }
});
