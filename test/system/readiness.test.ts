// Readiness on a real screen (G2), through the whole product: what stands in front of an editor is in the verdict that
// the caller reads, no step is sent, and what can be repaired is. An editor that hangs in mid-run is ended (G13).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { RunEvent } from "../../sdk/index.ts";
import { openDatabase } from "../../server/postgres/connect.ts";
import { limits } from "../../server/rules/limits.ts";
import { showUnmanagedWindow } from "../agent/desktop/unmanaged-window.ts";
import { killIfThere } from "../support/cut-off.ts";
import { Onlooker, type ShownWindow } from "../support/onlooker.ts";
import { createDatabase } from "../support/postgres.ts";
import { type Product, startProduct, until } from "../support/product.ts";

const application = `
application: mousepad
launch: { command: [mousepad, --disable-server] }
ready:
  - window: { title: "*Mousepad", process: mousepad }
  - responsive: 1s
`;
/** A failed proof ends the run at once: there is no other machine to try. */
const workflow = `
workflow: look
application: mousepad
readonly: true
retry: { attempts: 1, on: [MACHINE_LOST] }
steps:
  - type: "x"
    in: "*Mousepad"
`;
/** Waits long enough to be frozen before it sends anything. */
const hangs = `
workflow: hangs
application: mousepad
readonly: true
retry: { attempts: 1, on: [MACHINE_LOST] }
steps:
  - { id: before, pause: 500ms }
  - { id: opened, press: ctrl+n, in: "*Mousepad", timeout: 2s }
`;
const screen = { width: 1280, height: 800 };

const database = await createDatabase();
const sql = openDatabase(database.url, { max: 1 });
let product: Product;
let onlooker: Onlooker;

before(async () => {
  product = await startProduct({ machines: 1, applications: ["mousepad"], databaseUrl: database.url });
  onlooker = new Onlooker(product.machine("vm-1").session);
  await product.put(application, workflow, hangs);
});

after(async () => {
  await onlooker?.stop();
  await product?.stop();
  await sql.end();
  await database.drop();
});

/** As if the time had passed for which a machine that was not ready is left alone. */
const backOff = () => sql`update machines set unready_until = null`;

/** One run, as its caller sees it. */
async function look() {
  const client = product.client();
  const run = await client.start("look");
  const events: RunEvent[] = [];
  for await (const event of run) events.push(event);
  const { attempts } = await run.refresh();
  const [attempt] = attempts;
  return {
    id: run.id,
    verdicts: events.flatMap((event) => (event.kind === "PROVED" ? [event.verdict] : [])),
    repairs: events.flatMap((event) => (event.kind === "REPAIRING" ? [event.step] : [])),
    stepped: events.some(({ kind }) => kind === "STEP_STARTED"),
    succeeded: events.some((event) => event.kind === "ENDED" && event.outcome === "SUCCEEDED"),
    category: attempt?.failure?.category,
    proof: attempt?.proof ?? assert.fail(`no proof: ${JSON.stringify(attempt?.failure)}`),
  };
}

const editor = () =>
  until(
    "the editor is shown",
    async () => (await onlooker.windows()).find(({ title }) => title.endsWith("Mousepad")),
    5_000,
  );

/** Brings something in front of the editor, and gives what takes it away. */
type Scene = (editor: ShownWindow) => Promise<() => void | Promise<void>>;

async function inFront(program: string, args: readonly string[], at?: { x: number; y: number }) {
  const window = await onlooker.show(program, ...args);
  if (at !== undefined) await onlooker.place(window, { ...at, width: -1, height: -1 });
  await onlooker.raise(window);
  return () => onlooker.kill(window);
}

const zenity = ["--entry", "--title=Somebody asks", "--text=Your name?"];

const scenes: readonly {
  readonly what: string;
  readonly scene: Scene;
  readonly verdict: string;
  readonly probe: string;
}[] = [
  {
    what: "a dialog of another program over the editor",
    scene: () => inFront("zenity", zenity, { x: 500, y: 350 }),
    verdict: "MODAL_BLOCKING",
    probe: "no foreign window in the way",
  },
  {
    what: "a dialog of another program beside the editor, with the focus",
    scene: () => inFront("zenity", zenity, { x: 1000, y: 20 }),
    verdict: "WRONG_SCREEN",
    probe: "active window",
  },
  {
    what: "a calculator in front of the editor",
    scene: () => inFront("galculator", [], { x: 450, y: 250 }),
    verdict: "WRONG_SCREEN",
    probe: "no foreign window in the way",
  },
  {
    what: "a calculator that covers a part of the editor, which has the focus",
    scene: async (own) => {
      const away = await inFront("galculator", [], { x: 450, y: 250 });
      await onlooker.ask("wmctrl", "-r", "galculator", "-b", "add,above");
      await onlooker.raise(own);
      return away;
    },
    verdict: "WRONG_SCREEN",
    probe: "no foreign window in the way",
  },
  {
    what: "the editor's own dialog",
    scene: async (own) => {
      await onlooker.press(own, "ctrl+o");
      const dialog = await until("the dialog is shown", async () =>
        (await onlooker.windows()).find(({ title }) => title === "Open File"),
      );
      return async () => {
        await onlooker.press(dialog, "Escape");
        await onlooker.closed(dialog);
      };
    },
    verdict: "MODAL_BLOCKING",
    probe: "no modal window",
  },
  {
    what: "an editor that is minimized",
    scene: async (own) => {
      await onlooker.ask("xdotool", "windowminimize", "--sync", own.id);
      return () => onlooker.raise(own);
    },
    verdict: "WRONG_SCREEN",
    probe: "active window",
  },
  {
    what: "an editor that does not answer",
    scene: async ({ pid }) => {
      process.kill(pid, "SIGSTOP");
      return () => void process.kill(pid, "SIGCONT");
    },
    verdict: "FROZEN",
    probe: "ready 2: responsive",
  },
  {
    what: "a black screen",
    scene: async () => {
      const cover = showUnmanagedWindow(product.machine("vm-1").session.display, screen);
      return () => cover.close();
    },
    verdict: "NO_SURFACE",
    probe: "surface",
  },
  {
    what: "a locked screen",
    scene: async () => {
      const cover = showUnmanagedWindow(product.machine("vm-1").session.display, screen);
      cover.grabKeyboard();
      return () => cover.close();
    },
    verdict: "NO_SURFACE",
    probe: "surface",
  },
];

test("an editor that is closed is APP_NOT_RUNNING, and is launched until it is READY", async () => {
  assert.deepEqual(await onlooker.titles(), []);
  const seen = await look();
  assert.equal(seen.verdicts[0], "APP_NOT_RUNNING");
  assert.deepEqual(seen.repairs, ["launch"]);
  assert.equal(seen.verdicts.at(-1), "READY");
  assert.ok(seen.succeeded);
  await until(
    "what was typed is in the editor",
    async () => (await editor()).title === "*Untitled 1 - Mousepad",
    5_000,
  );
  await onlooker.kill(await editor());
  const again = await look();
  assert.deepEqual([again.verdicts[0], again.repairs, again.succeeded], ["APP_NOT_RUNNING", ["launch"], true]);
});

for (const { what, scene, verdict, probe } of scenes) {
  test(`${what} is ${verdict}: no step is sent, and once it is gone the machine is READY`, async () => {
    const own = await editor();
    await onlooker.raise(own);
    const away = await scene(own);
    try {
      const seen = await look();
      assert.deepEqual(seen.verdicts, [verdict], JSON.stringify(seen.proof.evidence.map((e) => [e.probe, e.held])));
      assert.equal(seen.proof.verdict, verdict);
      assert.equal(seen.proof.evidence.at(-1)?.probe, probe);
      assert.equal(seen.proof.evidence.at(-1)?.held, false);
      assert.equal(seen.category, "NOT_READY");
      assert.equal(seen.stepped, false);
    } finally {
      await away();
    }
    await onlooker.raise(own);
    await backOff();
    const after = await look();
    assert.deepEqual(after.verdicts, ["READY"]);
    assert.ok(after.succeeded);
    // Pictures follow their results when there is room for them.
    const client = product.client();
    const frame = await until("the proof's frame has come", async () =>
      (await client.artifacts(after.id)).find(({ id }) => id === after.proof.frameArtifactId),
    );
    assert.ok(frame.sizeBytes > 0n);
  });
}

/** Whether the process is there, and not only its name until somebody has asked how it ended. */
function lives(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

test("an editor that hangs in mid-run is FROZEN within the step's deadline; the next run begins after its end (G13)", async (t) => {
  const client = product.client();
  const { pid } = await editor();
  t.after(() => killIfThere(pid));
  const run = await client.start("hangs");
  const events: RunEvent[] = [];
  for await (const event of run) {
    events.push(event);
    if (event.kind === "STEP_STARTED" && event.step === "before") process.kill(pid, "SIGSTOP");
  }
  // At once: it is in the queue before the machine is repaired.
  const next = await client.start("look");
  const end = events.at(-1);
  assert.ok(end?.kind === "ENDED");
  assert.equal(end.failure?.category, "FROZEN");
  const began = events.find((event) => event.kind === "STEP_STARTED" && event.step === "opened");
  const tookMs = end.at.getTime() - (began?.at.getTime() ?? 0);
  assert.ok(tookMs < 2_000 + limits.resultGraceMs, `it was found after ${tookMs} ms`);
  for await (const event of next) if (event.kind === "PLACED") break;
  assert.equal(lives(pid), false);
  await next.result();
  const [, upkeep] = (await run.refresh()).attempts;
  const [attempt] = (await next.refresh()).attempts;
  const at = (time: Parameters<typeof timestampMs>[0] | undefined) =>
    timestampMs(time ?? assert.fail("it has no time"));
  assert.ok(at(upkeep?.endedAt) <= at(attempt?.startedAt));
  assert.ok(at(upkeep?.startedAt) >= at((await run.refresh()).attempts[0]?.endedAt));
  assert.equal(attempt?.proof?.verdict, "READY");
});
