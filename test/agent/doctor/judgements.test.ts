// What the doctor thinks of a fact, and how it is told. Pure.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  judgeHealthShot,
  judgeInput,
  judgeReading,
  judgeRights,
  judgeScaling,
  judgeSession,
  judgeSurface,
} from "../../../agent/doctor/desktop-checks.ts";
import { fault, type Judgement, ok, warning, worst } from "../../../agent/doctor/finding.ts";
import { judgeDisk, judgeIdle, judgePrograms } from "../../../agent/doctor/machine-checks.ts";
import { findingLines, summaryLine } from "../../../agent/doctor/report.ts";
import { judgeClock } from "../../../agent/doctor/server-checks.ts";
import { judgeIdentity, judgeState } from "../../../agent/doctor/state-checks.ts";

const shot = { path: "screenshot-desktop", width: 1, height: 1, bytes: 2048, durationMs: 100 };
const idle = (afterSeconds: number | "unknown") => [{ what: "sleep", afterSeconds }] as const;
const clock = (aheadMs: number, roundTripMs: number) =>
  judgeClock({ aheadMs, roundTripMs, protocolVersions: [1], key: "none" });
const program = (usable: boolean) => ({ name: "tool", path: "/opt/tool", usable });
const mebibytes = (count: number) => count * 1024 * 1024;

const cases: readonly (readonly [Judgement["is"], RegExp, Judgement])[] = [
  ["ok", /X11 on display :7/, judgeSession({ is: "x11", display: ":7" })],
  ["fault", /Wayland/, judgeSession({ is: "wayland" })],
  ["fault", /no X server answers on display :7/, judgeSession({ is: "unreachable", display: ":7" })],
  ["fault", /libXtst/, judgeSession({ is: "unloadable", why: "libXtst.so.6: not found" })],
  ["fault", /session 0/, judgeSession({ is: "services" })],
  ["ok", /the console, session 1/, judgeSession({ is: "console", number: 1, disconnected: false })],
  ["warning", /remote desktop, session 2/, judgeSession({ is: "rdp", number: 2, disconnected: false })],
  ["fault", /disconnected/, judgeSession({ is: "rdp", number: 2, disconnected: true })],
  ["warning", /cannot be read/, judgeSession({ is: "unknown" })],
  ["warning", /^root/, judgeRights("root")],
  ["ok", /elevated/, judgeRights("elevated")],
  ["ok", /ordinary/, judgeRights("ordinary")],
  ["warning", /cannot be read/, judgeRights("unknown")],
  ["fault", /no XTest extension/, judgeInput({ by: "XTest", possible: false, presence: true }, "ordinary")],
  ["warning", /not seen/, judgeInput({ by: "XTest", possible: true, presence: false }, "ordinary")],
  ["fault", /not let through/, judgeInput({ by: "SendInput", possible: false, presence: true }, "ordinary")],
  [
    "ok",
    /elevated programs .* elevated agent only/,
    judgeInput({ by: "SendInput", possible: true, presence: true }, "ordinary"),
  ],
  ["ok", /^by SendInput$/, judgeInput({ by: "SendInput", possible: true, presence: true }, "elevated")],
  ["ok", /800 x 600/, judgeSurface({ is: "present", width: 800, height: 600 })],
  ["fault", /^LOCKED: /, judgeSurface({ is: "absent", cause: "LOCKED" })],
  ["fault", /^BLANK: /, judgeSurface({ is: "absent", cause: "BLANK" })],
  ["fault", /^DISCONNECTED: /, judgeSurface({ is: "absent", cause: "DISCONNECTED" })],
  ["fault", /^SECURE_DESKTOP: /, judgeSurface({ is: "absent", cause: "SECURE_DESKTOP" })],
  ["fault", /^UNREACHABLE: /, judgeSurface({ is: "absent", cause: "UNREACHABLE" })],
  ["ok", /2 KiB in 100 ms/, judgeHealthShot({ shot, missing: [], onWindows: false })],
  ["warning", /6000 ms/, judgeHealthShot({ shot: { ...shot, durationMs: 6000 }, missing: [], onWindows: false })],
  ["warning", /by gdi/, judgeHealthShot({ shot: { ...shot, path: "gdi" }, missing: [], onWindows: true })],
  ["fault", /without import and xrandr/, judgeHealthShot({ shot, missing: ["import", "xrandr"], onWindows: false })],
  ["fault", /no picture/, judgeHealthShot({ shot: undefined, missing: [], onWindows: true })],
  ["ok", /sample text/, judgeReading({ expected: "a b", read: "a  b\n", durationMs: 1 })],
  ["fault", /read wrongly/, judgeReading({ expected: "a b", read: "a h", durationMs: 1 })],
  ["ok", /100 %/, judgeScaling(96)],
  ["warning", /150 % \(144 dpi\)/, judgeScaling(144)],
  ["ok", /sleep: off/, judgeIdle(idle(0))],
  ["ok", /not told/, judgeIdle(idle("unknown"))],
  ["warning", /sleep after 30 min/, judgeIdle(idle(1800))],
  ["ok", /./, judgeDisk(mebibytes(1024))],
  ["warning", /1023 MiB free/, judgeDisk(mebibytes(1024) - 1)],
  ["fault", /199 MiB free/, judgeDisk(mebibytes(200) - 1)],
  ["ok", /1 programs allowed/, judgePrograms({ allowed: [program(true)], offered: [] })],
  ["fault", /\/opt\/tool, allowed to exec as tool/, judgePrograms({ allowed: [program(false)], offered: [] })],
  ["warning", /no program is named ehr/, judgePrograms({ allowed: [], offered: [{ name: "ehr", found: false }] })],
  ["fault", /cannot be written/, judgeState({ is: "not-writable" }, "/s")],
  ["fault", /another user or on another machine/, judgeIdentity({ is: "foreign" }, "/s")],
  ["ok", /as the server's/, clock(2000, 0)],
  ["warning", /2\.00 s behind/, clock(2001, 0)],
  ["ok", /as the server's/, clock(-2400, 1000)],
  ["warning", /ahead of/, clock(-30_000, 0)],
  ["fault", /31 s ahead of/, clock(-30_501, 1000)],
];

for (const [index, [is, found, judgement]] of cases.entries()) {
  test(`judgement ${index + 1} is ${is}: ${judgement.found}`, () => {
    assert.equal(judgement.is, is);
    assert.match(judgement.found, found);
    // A remedy is one sentence, or two; and it is a remedy.
    if ("remedy" in judgement) assert.match(judgement.remedy, /^[A-Z].{12,}\.$/);
  });
}

test("of several things all that is bad is told, as bad as the worst, and each remedy once", () => {
  const [good, doubtful, bad, worse] = [ok("a"), warning("b", "B."), fault("c", "C."), fault("d", "C.")];
  assert.deepEqual(worst([good, doubtful, bad, worse]), fault("c; d; b", "C. B."));
  assert.deepEqual(worst([doubtful, good]), doubtful);
  assert.deepEqual(worst([good, ok("e")]), ok("a; e"));
});

test("a program that cannot be run hides no other one and no absent application", () => {
  const judged = judgePrograms({
    allowed: [program(true), ...["one", "two"].map((name) => ({ name, path: `/opt/${name}`, usable: false }))],
    offered: [
      { name: "ehr", found: false },
      { name: "mail", found: false },
    ],
  });
  assert.equal(judged.is, "fault");
  assert.match(judged.found, /^\/opt\/one, .*; \/opt\/two, .*; no program is named ehr or mail, /);
  assert.match("remedy" in judged ? judged.remedy : "", /^Put the right path .* See that the application is installed/);
});

test("lines are broken at 80 columns, below each other", () => {
  const long = "word ".repeat(40).trim();
  const lines = findingLines({ check: "window-manager", is: "fault", found: long, remedy: `${long}.` }).split("\n");
  assert.ok(lines.length > 6);
  for (const line of lines) assert.ok(line.length <= 80, line);
  assert.match(lines[0] ?? "", /^fault {4}window-manager {2}word/);
  assert.equal(lines.filter((line) => line.includes("-> ")).length, 1);
  assert.equal(lines.join(" ").match(/word/g)?.length, 80);
});

test("the last line counts faults and warnings", () => {
  const finding = (judgement: Judgement) => ({ check: "disk" as const, ...judgement });
  assert.equal(summaryLine([finding(ok("a"))]), "No fault.");
  assert.equal(summaryLine([finding(warning("a", "B."))]), "no faults, 1 warning.");
  assert.equal(summaryLine([finding(fault("a", "B.")), finding(fault("a", "B."))]), "2 faults, no warnings.");
});
