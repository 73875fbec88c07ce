// Another program's window that comes to the front while a run types, many times at random moments (G3): not one
// keystroke reaches it, and how far the run says it came is how far it came.
//
// The times are drawn from a seed, which is printed; DROVER_SEED takes it again.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { CommitLabel } from "../../sdk/index.ts";
import { Onlooker, type ShownWindow } from "../support/onlooker.ts";
import { type Product, startProduct, until } from "../support/product.ts";

const RAISES = process.env["DROVER_TEST_LONG"] === undefined ? 12 : 100;
const seed = Number(process.env["DROVER_SEED"] ?? Math.floor(Math.random() * 2 ** 32));

/** Two steps that may be repeated and one that may not, each of 120 characters with shifted ones among them. */
const parts = Array.from({ length: 3 }, (_, part) =>
  Array.from({ length: 120 }, (_, at) => String.fromCharCode(33 + ((part * 31 + at * 7) % 94))).join(""),
).map((part, index) => (index === 0 ? `\n${part}` : part));

const workflow = `
workflow: dictate
application: mousepad
inputs: { type: object, required: [parts, last], properties: { parts: { type: array, items: { type: string } }, last: { type: string } } }
timeout: 1m
retry: { attempts: 1, on: [MACHINE_LOST] }
steps:
  - foreach: \${inputs.parts}
    as: part
    steps: [{ type: "\${part}", in: { title: "*Mousepad", process: mousepad } }]
  - { id: last, type: "\${inputs.last}", in: { title: "*Mousepad", process: mousepad }, effect: commit, guard: none }
`;

let product: Product;
let onlooker: Onlooker;
let file: string;
let editor: ShownWindow;

before(async () => {
  product = await startProduct({ machines: 1, applications: ["mousepad"] });
  file = join(product.dir, "dictation.txt");
  writeFileSync(file, "");
  onlooker = new Onlooker(product.machine("vm-1").session);
  await product.put("application: mousepad\nprocesses: [mousepad]\nready: [{ process: mousepad }]\n", workflow);
  editor = await onlooker.show("mousepad", "--disable-server", file);
});

after(async () => {
  await onlooker?.stop();
  await product?.stop();
});

/** A small random number generator with a seed (mulberry32). */
function drawing(from: number): () => number {
  let state = from >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Intruder {
  /** All that was typed into it. Ends it. */
  received(): Promise<string>;
}

/** A dialog with an entry: what is in the entry is printed when its Enter is pressed by the onlooker. */
async function prompt(title: string): Promise<Intruder> {
  const child = onlooker.start("zenity", "--entry", `--title=${title}`, "--text=Something came up");
  const printed = child.stdout === null ? assert.fail("zenity has no output") : textOf(child.stdout);
  const window = await shown(child.pid);
  return {
    async received() {
      assert.equal(child.exitCode, null, "nobody has answered the dialog");
      await onlooker.press(window, "Return");
      return (await printed).replace(/\n$/, "");
    },
  };
}

/** A terminal that keeps every byte that comes from its keyboard. */
async function terminal(title: string): Promise<Intruder> {
  const bytes = join(product.dir, "terminal.bytes");
  writeFileSync(bytes, "");
  const child = onlooker.start("xterm", "-T", title, "-e", "sh", "-c", `stty raw -echo; exec cat > ${bytes}`);
  const window = await shown(child.pid);
  return {
    async received() {
      // A key of the onlooker's own comes last: what came before it has come.
      await onlooker.press(window, "Z");
      await until("the terminal has the last key", () => readFileSync(bytes, "latin1").endsWith("Z"), 5_000);
      await onlooker.kill(window);
      return readFileSync(bytes, "latin1").slice(0, -1);
    },
  };
}

/** The first moment that the window exists it is raised, as a program that takes the focus does. */
async function shown(pid: number | undefined): Promise<ShownWindow> {
  const find = async () => (await onlooker.windows()).find((each) => each.pid === pid);
  const window = await until("the intruder is shown, and nobody has answered it", find, 10_000);
  await onlooker.ask("wmctrl", "-ia", window.id);
  return window;
}

/** What the editor holds, by its own saving, pressed by the onlooker. */
async function written(): Promise<string> {
  await onlooker.press(editor, "ctrl+s");
  const title = async () => (await onlooker.windows()).find(({ id }) => id === editor.id)?.title ?? "*";
  await until("the editor has saved", async () => !(await title()).startsWith("*"), 5_000);
  return readFileSync(file, "utf8").replace(/\n$/, "");
}

/** One run from start to end; `onFirstStep` is called when the typing begins. */
async function dictate(onFirstStep: () => void = () => {}) {
  const run = await product.client().start("dictate", { parts: parts.slice(0, -1), last: parts.at(-1) ?? "" });
  for await (const { kind, number } of run) if (kind === "STEP_STARTED" && number < 5) onFirstStep();
  const { attempts } = await run.refresh();
  return attempts[0] ?? assert.fail("there was no attempt");
}

test(`of ${RAISES} windows raised in the middle of typing, none receives a keystroke, and the run knows how far it came`, async (t) => {
  t.diagnostic(`DROVER_SEED=${seed}`);
  const draw = drawing(seed);
  await dictate();
  let before = await written();
  assert.equal(before, parts.join(""), "without an intruder, all is typed");
  let typingFrom = 0;
  await dictate(() => {
    typingFrom = performance.now();
  });
  const typingMs = performance.now() - typingFrom;
  before = await written();
  const tally: Record<string, number> = {};
  for (let round = 1; round <= RAISES; round++) {
    const kind = round % 2 === 0 ? terminal : prompt;
    // Half of them bear the editor's own name.
    const title = round % 4 < 2 ? "Untitled - Mousepad" : "intruder";
    // A program needs some of the time to come up.
    const at = draw() * typingMs * 0.75;
    let raised: Promise<Intruder> | undefined;
    const attempt = await dictate(() => {
      raised ??= delay(at).then(() => kind(title));
    });
    const told = `round ${round}, ${kind.name} at ${Math.round(at)} ms, seed ${seed}`;
    const intruder = await (raised ?? assert.fail(`${told}: the typing did not begin`));
    assert.equal(await intruder.received(), "", `${told}: what the intruder received`);

    const now = await written();
    assert.ok(now.startsWith(before), told);
    const got = now.slice(before.length);
    before = now;
    const whole = parts.slice(0, attempt.stepsDone).join("");
    const label = attempt.commitLabel;
    const { category = "DONE", step } = attempt.failure ?? {};
    assert.ok(parts.join("").startsWith(got) && got.startsWith(whole), `${told}: ${got.length} characters arrived`);
    assert.ok(got.length <= whole.length + (parts[attempt.stepsDone]?.length ?? 0), told);
    assert.ok(["DONE", "FOCUS_LOST"].includes(category), `${told}: ${category}`);
    const part = got.slice(whole.length);
    if (category === "DONE") assert.deepEqual([got, label], [parts.join(""), CommitLabel.AFTER_COMMIT], told);
    else if (step !== "last" || part === "") assert.equal(label, CommitLabel.BEFORE_COMMIT, told);
    else assert.equal(label, CommitLabel.UNKNOWN, told);
    const outcome = category === "DONE" ? "after the typing" : part === "" ? "between steps" : "inside a step";
    tally[outcome] = (tally[outcome] ?? 0) + 1;
  }
  t.diagnostic(`raised ${JSON.stringify(tally)}, typing takes ${Math.round(typingMs)} ms`);
  assert.ok((tally["between steps"] ?? 0) + (tally["inside a step"] ?? 0) >= RAISES / 4, JSON.stringify(tally));
});
