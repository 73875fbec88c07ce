// Every action, target, condition and source of reading as a step on real windows, through the whole product; what it
// did is looked up outside of the agent. The tables are typed by the unions of `server/rules/command.ts`: a kind that is
// added there does not compile here without a test.

import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { decodePng } from "../../agent/vision/png.ts";
import { ArtifactKind } from "../../sdk/index.ts";
import type { Condition, ReadSource, Target } from "../../server/rules/command.ts";
import { type Kind, kinds } from "../../server/workflows/actions.ts";
import { type Desk, openDesk } from "../support/desk.ts";
import { processesWith } from "../support/onlooker.ts";
import { until } from "../support/product.ts";

type KeyOf<Union> = Union extends unknown ? keyof Union : never;
type Rows<Key extends string> = Record<Key, (desk: Desk) => Promise<void>>;

const dir = mkdtempSync(join(tmpdir(), "drover-actions-"));
const noteTaker = join(dir, "note-taker");
writeFileSync(noteTaker, `#!/bin/sh\nprintf '%s|' "$@" > ${dir}/noted\necho noted $#\n`);
/** Starts a child that would outlive it, and waits. */
const lingerer = join(dir, "lingerer");
writeFileSync(lingerer, `#!/bin/sh\nsleep 100.4711 &\nsleep 100.4712\n`);
const lingering = () => processesWith("100.471");
for (const program of [noteTaker, lingerer]) chmodSync(program, 0o755);

const words = "alpha beta gamma";
const editor = '{ title: "*Mousepad", process: mousepad }';
const strange = "Grüße, 日本語 & tab\tend\nsecond";
const button7 = { x: 6, y: 183, width: 59, height: 35 };
const lowerLeftOfAButton = { x: 4, y: 205, width: 20, height: 15 };

/** Clicks and types a mark as a person does, and says on which line of the file it is. */
async function lineInMiddle(desk: Desk): Promise<number> {
  await desk.onlooker.ask("xdotool", "mousemove", "300", "250", "click", "1", "key", "numbersign");
  const at = (await desk.saved()).split("\n").findIndex((line) => line.includes("#"));
  assert.ok(at >= 0);
  await desk.onlooker.ask("xdotool", "key", "BackSpace");
  await desk.saved();
  return at;
}

/** What a workflow can ask for, and the proof. */
const actionRows: Rows<Kind | "prove"> = {
  async prove(desk) {
    await desk.editing(words);
    const { id, events } = await desk.succeeds("- screenshot: true");
    assert.ok(events.some((event) => event.kind === "PROVED" && event.verdict === "READY"));
    const client = desk.product.client();
    await until("the proof's frame has come", async () =>
      (await client.artifacts(id)).some(({ kind }) => kind === ArtifactKind.PROOF),
    );
  },
  async launch(desk) {
    await desk.editing(words);
    const other = join(desk.product.dir, "other.txt");
    await desk.succeeds(
      `- launch: [mousepad, --disable-server, ${other}]\n- wait: { window: "*other.txt*", for: 10s }`,
    );
    assert.equal(processesWith(other).length, 1);
    const window = (await desk.onlooker.windows()).find(({ title }) => title.includes("other.txt"));
    assert.equal(window?.pid, processesWith(other)[0]);
    await desk.onlooker.kill(window ?? assert.fail());
  },
  async close(desk) {
    const { id } = await desk.editing(words);
    await desk.succeeds(`- close: ${editor}`);
    await until("the window is closed", async () => !(await desk.onlooker.windows()).some((w) => w.id === id), 5_000);
  },
  async focus(desk) {
    const first = await desk.editing(words);
    const second = await desk.onlooker.show("mousepad", "--disable-server", join(desk.product.dir, "second.txt"));
    assert.equal(await desk.onlooker.isActive(first), false);
    await desk.succeeds('- focus: "*desk.txt*"');
    assert.ok(await desk.onlooker.isActive(first));
    await desk.onlooker.kill(second);
  },
  async click(desk) {
    const { pid } = await desk.editing(words);
    await desk.succeeds(`- click: { text: beta, within: ${editor}, count: 2 }`);
    await desk.onlooker.ask("xdotool", "key", "X");
    assert.equal(await desk.saved(), "alpha X gamma", "a double click selects the word");
    await desk.succeeds(`- click: { text: gamma, within: ${editor} }`);
    await desk.onlooker.ask("xdotool", "key", "End", "Z");
    assert.equal(await desk.saved(), "alpha X gammaZ");
    const shown = async () =>
      (await desk.onlooker.ask("xdotool", "search", "--onlyvisible", "--pid", `${pid}`)).split("\n");
    const before = (await shown()).length;
    await desk.succeeds(`- click: { text: alpha, within: ${editor}, button: right }`);
    await until("the menu of the right button is shown", async () => (await shown()).length > before, 5_000);
    await desk.onlooker.ask("xdotool", "key", "Escape");
  },
  async move(desk) {
    await desk.editing(words);
    await desk.onlooker.ask("xdotool", "mousemove", "1", "1");
    await desk.succeeds(`- move: { window: ${editor}, dx: 11, dy: 22, anchor: top-left }`);
    const [box] = (await desk.screen.windows()).filter(({ title }) => title.includes("desk.txt")).map(({ box }) => box);
    const pointer = await desk.onlooker.ask("xdotool", "getmouselocation");
    assert.match(pointer, new RegExp(`^x:${(box?.x ?? 0) + 11} y:${(box?.y ?? 0) + 22} `));
  },
  async drag(desk) {
    await desk.editing(words);
    const from = `{ text: alpha, within: ${editor}, anchor: top-left, dx: 0, dy: 6 }`;
    const to = `{ text: beta, within: ${editor}, anchor: top-right, dx: 2, dy: 6 }`;
    await desk.succeeds(`- drag: { from: ${from}, to: ${to} }`);
    await desk.onlooker.ask("xdotool", "key", "X");
    assert.equal(await desk.saved(), "X gamma");
  },
  async scroll(desk) {
    await desk.editing(Array.from({ length: 300 }, (_, line) => `line ${line}`).join("\n"));
    await desk.onlooker.ask("xdotool", "key", "ctrl+Home");
    const top = await lineInMiddle(desk);
    await desk.succeeds(`- scroll: { window: ${editor}, down: 10 }`);
    const down = await lineInMiddle(desk);
    assert.ok(down > top + 10, `from line ${top} to line ${down}`);
    await desk.succeeds(`- scroll: { window: ${editor}, up: 4 }`);
    const up = await lineInMiddle(desk);
    assert.ok(up < down && up > top, `from line ${down} to line ${up}`);
  },
  async type(desk) {
    await desk.editing("");
    await desk.succeeds(`- { type: ${JSON.stringify(strange)}, in: ${editor} }`);
    assert.equal(await desk.saved(), strange);
  },
  async press(desk) {
    await desk.editing("");
    await desk.onlooker.ask("xdotool", "key", "a", "b");
    await desk.succeeds(`- { press: shift+c, in: ${editor} }\n- { press: ctrl+s, in: ${editor} }`);
    assert.equal(await desk.unchanged(), "abC");
  },
  async paste(desk) {
    await desk.editing("");
    await desk.succeeds(`- { paste: ${JSON.stringify(strange)}, in: ${editor} }`);
    assert.equal(await desk.saved(), strange);
    assert.equal(await desk.screen.readClipboard(), "", "nothing stays on the clipboard");
  },
  async wait(desk) {
    await desk.editing(words);
    const order: string[] = [];
    const { events } = await desk.succeeds("- { wait: { window: late comer, for: 20s } }", {
      async onEvent({ kind }) {
        order.push(kind);
        if (kind === "STEP_STARTED") desk.onlooker.start("zenity", "--info", "--title=late comer", "--text=late");
      },
    });
    assert.ok(events.some((event) => event.kind === "STEP_DONE" && (event.durationMs ?? 0) > 30));
    assert.ok((await desk.onlooker.titles()).includes("late comer"));
    const late = (await desk.onlooker.windows()).find(({ title }) => title === "late comer");
    await desk.onlooker.kill(late ?? assert.fail());
    const never = await desk.does("- { wait: { window: nobody, for: 300ms } }");
    assert.equal(never.category, "TIMEOUT");
  },
  async read(desk) {
    await desk.editing(words);
    const { outputs } = await desk.succeeds(`- { id: title, read: { window: ${editor} } }`, {
      result: `{ title: "\${steps.title.text}" }`,
    });
    assert.deepEqual(outputs, { title: `${desk.file} - Mousepad` });
  },
  async assert(desk) {
    await desk.editing(words);
    await desk.succeeds(`- assert: { window: ${editor} }`);
    const failed = await desk.does("- assert: { window: nobody }");
    assert.equal(failed.category, "ASSERTION_FAILED");
  },
  async screenshot(desk) {
    await desk.editing(words);
    const { id } = await desk.succeeds("- screenshot: true");
    const client = desk.product.client();
    const shot = await until("the screenshot has come", async () =>
      (await client.artifacts(id)).find(({ kind }) => kind === ArtifactKind.SCREENSHOT),
    );
    const picture = decodePng(await client.artifactContent(shot.id));
    const own = await desk.screen.capture();
    assert.deepEqual([picture.width, picture.height], [own.width, own.height]);
    let different = 0;
    for (let at = 0; at < own.rgba.length; at += 4) if (own.rgba[at] !== picture.rgba[at]) different++;
    // The caret blinks.
    assert.ok(different < 100, `${different} pixels differ`);
  },
  async exec(desk) {
    await desk.editing(words);
    const { outputs } = await desk.succeeds(
      `- { id: note, exec: { command: [note-taker, "two words", "$HOME"] }, effect: commit, guard: none }`,
      { result: `{ said: "\${steps.note.text}" }` },
    );
    assert.equal(readFileSync(join(dir, "noted"), "utf8"), "two words|$HOME|", "no shell has read the arguments");
    assert.deepEqual(outputs, { said: "noted 2\n" });
    await desk.refused("EXEC_REFUSED", "exec: { command: [rm, -rf, /nowhere] }");
  },
  async pause(desk) {
    await desk.editing(words);
    const { events } = await desk.succeeds("- pause: 300ms");
    const done = events.find(({ kind }) => kind === "STEP_DONE");
    assert.ok(done?.kind === "STEP_DONE" && (done.durationMs ?? 0) >= 299);
  },
};

const targetRows: Rows<KeyOf<Target>> = {
  async image(desk) {
    let window = await desk.calculating();
    const files = { "seven.png": await desk.picture("galculator", button7) };
    const again = "retry: { attempts: 9, on: [TARGET_NOT_FOUND], delay: 50ms }";
    const steps = [
      "- click: { image: seven.png, within: galculator }",
      "- move: { window: galculator, anchor: top-left, dx: 100, dy: 50 }",
      `- { click: { image: seven.png, threshold: 0.95 }, ${again} }`,
    ];
    await desk.succeeds(steps.join("\n"), { files, application: "galculator" });
    assert.equal(await desk.display(window), "77");
    window = await desk.calculating();
    const many = { "corner.png": await desk.picture("galculator", lowerLeftOfAButton) };
    const calculator = { application: "galculator" as const };
    await desk.refused("TARGET_AMBIGUOUS", "click: { image: corner.png }", { files: many, ...calculator });
    assert.equal(await desk.display(window), "0");
    await desk.onlooker.kill(window);
    await desk.editing(words);
    await desk.refused("TARGET_NOT_FOUND", "click: { image: seven.png }", { files });
    assert.equal(await desk.saved(), words);
  },
  async text(desk) {
    await desk.editing(`${words}\nzebra lion zebra`);
    await desk.succeeds(`- click: { text: lion, within: ${editor}, count: 2 }`);
    await desk.onlooker.ask("xdotool", "key", "X");
    assert.equal(await desk.saved(), `${words}\nzebra X zebra`);
    await desk.refused("TARGET_AMBIGUOUS", `click: { text: zebra, within: ${editor} }`);
    await desk.refused("TARGET_NOT_FOUND", `click: { text: crocodile, within: ${editor} }`);
    assert.equal(await desk.saved(), `${words}\nzebra X zebra`);
  },
  async window(desk) {
    await desk.editing(words);
    await desk.onlooker.ask("xdotool", "mousemove", "1", "1");
    await desk.succeeds(`- click: { window: ${editor} }`);
    const [window] = (await desk.screen.windows()).filter(({ title }) => title.includes("desk.txt"));
    const { x, y, width, height } = window?.box ?? assert.fail();
    const pointer = await desk.onlooker.ask("xdotool", "getmouselocation");
    assert.match(pointer, new RegExp(`^x:${Math.round(x + width / 2)} y:${Math.round(y + height / 2)} `));
    await desk.refused("TARGET_NOT_FOUND", "click: { window: nobody }");
  },
  async relative(desk) {
    const window = await desk.calculating();
    const files = { "seven.png": await desk.picture("galculator", button7) };
    // The key 8 is right of the key 7, and 4 is under it.
    const steps = ["dx: 65", "dy: 40, anchor: top-left, dx: 20", "dx: 36, anchor: bottom-right, dy: -10"].map(
      (offset) => `- click: { image: seven.png, ${offset} }`,
    );
    await desk.succeeds(steps.join("\n"), { files, application: "galculator" });
    assert.equal(await desk.display(window), "848");
    await desk.onlooker.kill(window);
  },
};

/** What holds, and the same kind of something that is not there. */
const conditionRows: Record<Exclude<KeyOf<Condition>, "absent">, { holds: string; not: string }> = {
  window: { holds: `window: ${editor}`, not: "window: nobody" },
  activeWindow: { holds: `active: ${editor}`, not: "active: galculator" },
  image: { holds: "image: menu.png", not: "image: seven.png" },
  text: { holds: `text: gamma, within: ${editor}`, not: `text: crocodile, within: ${editor}` },
  process: { holds: "process: mousepad", not: "process: nobody" },
  responsiveMs: { holds: "responsive: 5s", not: "" },
};

const readRows: Rows<KeyOf<ReadSource>> = {
  windowTitle: (desk) => actionRows.read(desk),
  async activeTitle(desk) {
    await desk.editing(words);
    assert.equal(await readFrom(desk, "{ window: active }"), `${desk.file} - Mousepad`);
  },
  async windowText(desk) {
    await desk.editing(words);
    assert.match(await readFrom(desk, `{ within: ${editor} }`), /alpha beta gamma/);
  },
  async clipboard(desk) {
    await desk.editing(words);
    await desk.screen.writeClipboard(strange);
    assert.equal(await readFrom(desk, "clipboard"), strange);
  },
  async box(desk) {
    const window = await desk.calculating();
    await desk.onlooker.ask("xdotool", "key", "4", "7", "1", "2");
    assert.equal(await desk.display(window), "4712");
    const box = "{ x: 8, y: 32, width: 315, height: 50 }";
    const read = () => readFrom(desk, `{ box: ${box}, within: galculator }`, "galculator");
    assert.equal((await read()).trim(), "4712");
    await desk.onlooker.kill(window);
  },
};

async function readFrom(desk: Desk, source: string, application: "mousepad" | "galculator" = "mousepad") {
  const result = `{ text: "\${steps.found.text}" }`;
  const { outputs } = await desk.succeeds(`- { id: found, read: ${source} }`, { result, application });
  return String(outputs["text"]);
}

let desk: Desk;
before(async () => {
  desk = await openDesk({ "note-taker": noteTaker, lingerer });
});
after(async () => {
  await desk?.stop();
  rmSync(dir, { recursive: true, force: true });
});

test("every action that a workflow can name has a row", () => {
  assert.deepEqual(Object.keys(actionRows).sort(), ["prove", ...kinds].sort());
});
for (const [kind, row] of Object.entries(actionRows))
  test(`${kind} does on real windows what it says`, () => row(desk));
for (const [kind, row] of Object.entries(targetRows)) {
  test(`a target by ${kind} is where it is seen, and nothing is sent when there is none or more than one`, () =>
    row(desk));
}
for (const [kind, row] of Object.entries(readRows)) test(`${kind} is read as it is`, () => row(desk));

test("conditions of every kind hold when it is so, and their absence when it is not", async () => {
  await desk.calculating();
  const seven = await desk.picture("galculator", button7);
  await desk.onlooker.kill(await desk.calculating());
  await desk.editing(words);
  const files = {
    "seven.png": seven,
    "menu.png": await desk.picture(`${desk.file} - Mousepad`, { x: 5, y: 2, width: 150, height: 20 }),
  };
  const rows = Object.entries(conditionRows);
  const holding = rows.map(([, { holds }]) => `- assert: { ${holds} }`);
  const absent = rows.flatMap(([, { not }]) => (not === "" ? [] : [`- assert: { ${not}, absent: true }`]));
  await desk.succeeds([...holding, ...absent].join("\n"), { files });
  for (const [kind, { holds }] of rows) {
    const used = holds.includes("menu.png") ? { files } : {};
    const wrong = await desk.does(`- assert: { ${holds}, absent: true }`, used);
    assert.equal(wrong.category, "ASSERTION_FAILED", kind);
  }
});

const lingers = "- { exec: { command: [lingerer] }, effect: commit, guard: none, timeout: 60s }";

test("what exec started ends with its command, its children too", async () => {
  await desk.editing(words);
  await desk.does(lingers, {
    async onEvent({ kind }, runId) {
      if (kind !== "STEP_STARTED") return;
      await until("the program and its child run", () => lingering().length === 2);
      await desk.product.client().run(runId).cancel();
    },
  });
  await until("both have ended", () => lingering().length === 0, 3_000);
});

test("what exec started ends with the lease, when no server is there to end it", async () => {
  await desk.editing(words);
  await desk.begins(lingers);
  await until("the program and its child run", () => lingering().length === 2);
  await desk.product.server.kill();
  await until("the lease has ended them", () => lingering().length === 0, 15_000);
});
