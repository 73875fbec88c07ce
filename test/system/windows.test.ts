// The agent's executable for Windows on two Windows desktops, through the whole product: it is enrolled, attaches, does the
// examples for Windows, dies, and meets a dialog (G1, G2, G4).

import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import manifest from "../../agent/package.json" with { type: "json" };
import { decodePng } from "../../agent/vision/png.ts";
import { AttemptPurpose, MachineStatus, type RunEvent } from "../../sdk/index.ts";
import { type Product, startProduct, until } from "../support/product.ts";
import { watch } from "../support/watched-run.ts";
import type { WindowsMachine } from "../support/windows-machine.ts";

const examples = resolve(import.meta.dirname, "../../examples/windows");
const example = (name: string) => readFileSync(join(examples, name), "utf8");
const notes = example("windows.notes.save.workflow.yaml");

const opened = "\ufeffThe first line\r\nthe second one\r\n";
const typed = 'Zoë Ñandú 漢字 {}[]@€ 😀\n\tback\\slash & "quotes"\nthe last line';
/** With its byte order mark, and with Windows' ends of lines. */
const saved = Buffer.from(opened + typed.replaceAll("\n", "\r\n"), "utf8");

let product: Product;

before(async () => {
  product = await startProduct({ machines: 0, windowsMachines: 2, applications: ["notepad", "wordpad"] });
  const picture = { "wordpad-bold.png": readFileSync(join(examples, "wordpad-bold.png")) };
  await product.put(example("notepad.application.yaml"), example("wordpad.application.yaml"), notes);
  await product.client().putWorkflow(example("windows.letters.write.workflow.yaml"), picture);
});

after(() => product?.stop());

/** The same folder on every machine, with the note to open: a run goes where it likes. */
function shareFolder(name: string): { readonly windows: string; on(machine: string): string } {
  const folders = new Map(product.windowsMachines.map((machine) => [machine.name, machine.makeFolder(name)]));
  for (const folder of folders.values()) writeFileSync(join(folder, "old.txt"), opened);
  return { windows: `C:\\${name}`, on: (machine) => folders.get(machine) ?? assert.fail(machine) };
}

async function done(runId: string): Promise<{ machine: string; events: RunEvent[]; outputs: unknown }> {
  const events: RunEvent[] = [];
  for await (const event of product.client().run(runId)) events.push(event);
  const end = events.at(-1);
  const logs = () => product.windowsMachines.map(({ log }) => log).join("\n");
  if (end?.kind !== "ENDED" || end.outcome !== "SUCCEEDED") assert.fail(`${await product.tell(runId)}\n${logs()}`);
  const machine = events.findLast(({ kind }) => kind === "ATTEMPT_ENDED")?.machine ?? "";
  return { machine, events, outputs: end.outputs };
}

const verdictsOf = (events: readonly RunEvent[]) =>
  events.flatMap((event) => (event.kind === "PROVED" ? [event.verdict] : []));

/** kill -9 of the agent, under its supervisor; resolves when a new incarnation is attached, and has cleaned up. */
async function killAgent(machine: WindowsMachine): Promise<void> {
  const client = product.client();
  const pid = machine.agentPid() ?? assert.fail("the agent runs");
  process.kill(pid, "SIGKILL");
  const attached = async () => (await client.machine(machine.name)).status === MachineStatus.IDLE;
  const newPid = () => ![undefined, pid].includes(machine.agentPid());
  // All processes are looked through for it: seldom, as it is waited for.
  const isThere = async () => (await delay(50).then(newPid)) && (await attached());
  await until("a new incarnation is attached", isThere, 20_000);
}

/** What takes a machine longer to find out about itself is told a moment later. */
const inventoryOf = (machine: WindowsMachine) =>
  until("the inventory is whole", async () => {
    const inventory = await product.client().machine(machine.name);
    return inventory.capture === "" ? undefined : inventory;
  });

test("the executable attaches as a Windows machine, and says how its screen is and how it is captured", async () => {
  for (const machine of product.windowsMachines) {
    const { platform, os, agentVersion, screenWidth, screenHeight, capture, dpi } = await inventoryOf(machine);
    assert.deepEqual({ platform, agentVersion }, { platform: "windows", agentVersion: manifest.version });
    assert.match(os, /Windows .*10\.0\./);
    // The .NET Framework's compiler, which screenshot-desktop needs, is not there: the agent has found that out.
    assert.deepEqual(
      { screenWidth, screenHeight, capture, dpi },
      { screenWidth: 1280, screenHeight: 800, capture: "gdi", dpi: 96 },
    );
  }
});

test("Notepad is started, opens a note, takes any letter and saves under a new name: mark, line ends and bytes are right", async () => {
  const folder = shareFolder("notes");
  const inputs = { folder: folder.windows, open: "old.txt", name: "visit-7.txt", text: typed };
  const { id } = await product.client().start("windows.notes.save", inputs);
  const { machine, events, outputs } = await done(id);
  const verdicts = verdictsOf(events);
  assert.deepEqual([verdicts[0], verdicts.at(-1)], ["APP_NOT_RUNNING", "READY"]);
  assert.deepEqual(outputs, { title: "visit-7.txt - Notepad" });
  assert.deepEqual(readFileSync(join(folder.on(machine), "visit-7.txt")), saved);
  assert.equal(readFileSync(join(folder.on(machine), "old.txt"), "utf8"), opened);
});

test("WordPad's button is found by its picture and its menu by its words; clipboard and status bar are read", async () => {
  const folder = shareFolder("letters");
  const text = "Dear Mrs Miller, your bill is 1234 EUR.";
  const inputs = { folder: folder.windows, name: "bill.rtf", text };
  const { id } = await product.client().start("windows.letters.write", inputs);
  const { machine, outputs } = await done(id);
  // Its selection has one more than the letters: the end of the paragraph.
  assert.deepEqual(outputs, { text, status: `selection = 0..${text.length + 1}, line count=1` });
  assert.match(readFileSync(join(folder.on(machine), "bill.rtf"), "latin1"), /\\b\\.* Dear Mrs Miller, your bill/);
});

test("an executable killed before the commit is back in seconds, and the run is done once, on the other machine", async () => {
  const lingering = notes
    .replace("workflow: windows.notes.save\n", "workflow: windows.notes.linger\n")
    .replace("  - id: save\n", "  - { id: linger, pause: 3s }\n  - id: save\n");
  await product.put(lingering);
  const client = product.client();
  const folder = shareFolder("once");
  const inputs = { folder: folder.windows, open: "old.txt", name: "once.txt", text: typed };
  const run = await client.start("windows.notes.linger", inputs);
  const watched = watch(run, "linger");
  await watched.reached;
  const left = watched.events.find(({ kind }) => kind === "PLACED")?.machine ?? "";
  await killAgent(product.windowsMachine(left));

  await watched.over;
  const { machine: other } = await done(run.id);
  const { attempts } = await run.refresh();
  const tries = attempts.filter(({ purpose }) => purpose === AttemptPurpose.ATTEMPT);
  assert.deepEqual(
    tries.map(({ machineName, failure }) => [machineName, failure?.category]),
    [
      [left, "AGENT_RESTARTED"],
      [other, undefined],
    ],
  );
  await until("what it had left open is cleaned up", async () => {
    const { status, unclean } = await client.machine(left);
    return status === MachineStatus.IDLE && !unclean;
  });
  assert.notEqual(other, left);
  assert.deepEqual(readdirSync(folder.on(left)), ["old.txt"]);
  assert.deepEqual(readFileSync(join(folder.on(other), "once.txt")), saved);
});

test("a dialog that was left open is MODAL_BLOCKING, without being named; where Notepad does not run it is started", async () => {
  const unnamed = "application: notepad\nlaunch: { command: [notepad.exe] }\nready: [{ responsive: 2s }]\n";
  const look =
    'workflow: look\napplication: notepad\nreadonly: true\nretry: { attempts: 1, on: [MACHINE_LOST] }\nsteps: [{ focus: "*- Notepad" }]\n';
  const leave =
    'workflow: leave\napplication: notepad\nreadonly: true\nsteps: [{ press: ctrl+o, in: "*- Notepad" }, { wait: { window: Open, for: 10s } }]\n';
  await product.put(unnamed, look, leave);
  const client = product.client();
  const { machine: left } = await done((await client.start("leave")).id);
  for (const { name } of product.windowsMachines) {
    await until("both are free", async () => {
      const { status, holdReason } = await client.machine(name);
      return status === MachineStatus.IDLE && holdReason === "";
    });
  }
  // One for each machine, at once.
  const started = await client.startMany([{ workflow: "look" }, { workflow: "look" }]);
  const seen = new Map<string, { verdicts: string[]; stepped: boolean; probe: string | undefined }>();
  for (const answer of started) {
    assert.ok("started" in answer);
    const events: RunEvent[] = [];
    for await (const event of answer.started) events.push(event);
    const { attempts } = await answer.started.refresh();
    const stepped = events.some(({ kind }) => kind === "STEP_STARTED");
    const probe = attempts[0]?.proof?.evidence.findLast(({ held }) => !held)?.probe;
    seen.set(attempts[0]?.machineName ?? "", { verdicts: verdictsOf(events), stepped, probe });
  }
  assert.deepEqual(seen.get(left), { verdicts: ["MODAL_BLOCKING"], stepped: false, probe: "no modal window" });
  const [other] = [...seen].filter(([name]) => name !== left);
  assert.deepEqual([other?.[1].verdicts[0], other?.[1].verdicts.at(-1)], ["APP_NOT_RUNNING", "READY"]);
  assert.ok(other?.[1].stepped);
});

test("meanwhile both have sent a picture of their desktop", async () => {
  const client = product.client();
  for (const { name } of product.windowsMachines) {
    const picture = await until("it has sent a picture", () => client.screenshot(name).catch(() => undefined));
    const { width, height, rgba } = decodePng(picture);
    assert.deepEqual({ width, height }, { width: 1280, height: 800 });
    assert.ok(
      rgba.some((value, at) => at % 4 !== 3 && value !== 0),
      "the picture is not black",
    );
  }
});
