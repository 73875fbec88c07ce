// How exec's programs get their arguments on Windows. Windows takes a command line apart by rules of its own, written here
// a second time, from the other side.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { commandLine, environmentBlock, refusedProgram } from "../../../agent/host/windows/command-line.ts";

/** What CommandLineToArgvW makes of the text behind the program's name. */
function takenApart(text: string): string[] {
  const found: string[] = [];
  let argument: string | undefined;
  let quoted = false;
  for (let at = 0; at < text.length; ) {
    const [slashes = ""] = /^\\*/.exec(text.slice(at)) ?? [];
    at += slashes.length;
    const next = text[at];
    if (slashes !== "") argument = (argument ?? "") + slashes.slice(0, next === '"' ? slashes.length >> 1 : undefined);
    if (next === undefined) break;
    if (next === '"' && slashes.length % 2 === 1) {
      argument = `${argument}"`;
      at++;
    } else if (next === '"') {
      argument ??= "";
      quoted = !quoted;
      at++;
    } else if (!quoted && /[ \t]/.test(next)) {
      if (argument !== undefined) found.push(argument);
      argument = undefined;
      at++;
    } else if (slashes === "" || next !== "\\") {
      argument = (argument ?? "") + next;
      at++;
    }
  }
  return argument === undefined ? found : [...found, argument];
}

const path = "C:\\Program Files\\Notes\\cmp-note.exe";

test("arguments arrive as they were given, whatever is in them", () => {
  const pieces = fc.constantFrom(
    "a",
    "ë",
    "漢",
    "😀",
    " ",
    "\t",
    "\n",
    '"',
    "\\",
    "\\\\",
    "'",
    "%PATH%",
    "&",
    "^",
    "/",
  );
  const argument = fc.array(pieces, { maxLength: 8 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.array(argument, { maxLength: 4 }), (given) => {
      const line = commandLine(path, given);
      assert.ok(line.startsWith(`"${path}"`));
      assert.deepEqual(takenApart(line.slice(path.length + 2)), given);
    }),
    { numRuns: 2000 },
  );
});

test("only what needs quotes has them", () => {
  assert.equal(commandLine(path, ["-x", "a b", "", "C:\\dir\\"]), `"${path}" -x "a b" "" C:\\dir\\`);
  assert.equal(commandLine(path, ["a b\\", 'say "hi"']), `"${path}" "a b\\\\" "say \\"hi\\""`);
});

test("an argument with NUL, which would end the line there, is refused", () => {
  assert.throws(() => commandLine(path, ["a\0b"]), /NUL/);
});

test("programs see what Windows needs of the environment, in its order, and nothing of the agent's own", () => {
  const given = {
    Path: "C:\\bin",
    DROVER_LIFE: "1",
    SystemRoot: "C:\\Windows",
    SECRET: "x",
    TEMP: "C:\\t",
    APPDATA: "C:\\a",
  };
  assert.equal(environmentBlock(given), "APPDATA=C:\\a\0Path=C:\\bin\0SystemRoot=C:\\Windows\0TEMP=C:\\t\0\0");
});

test("whole paths of programs are allowed, and what a shell would run is not", () => {
  for (const allowed of ["C:\\a b\\x.exe", "c:/x.EXE", "\\\\server\\share\\x.com"]) {
    assert.equal(refusedProgram(allowed), undefined, allowed);
  }
  for (const relative of ["x.exe", "\\x.exe", "C:x.exe", "/x.exe"]) {
    assert.match(refusedProgram(relative) ?? "", /whole path/, relative);
  }
  for (const batch of ["C:\\x.bat", "C:\\x.CMD", "C:\\x.bat.", "C:\\x.cmd ", "C:\\x.exe .bat", "C:\\x"]) {
    assert.match(refusedProgram(batch) ?? "", /\.exe/, batch);
  }
});
