// The stop button on real desktops (G14): a run that is halted in the middle of its typing stops in mid-word, and is resumed, with
// its text right and once, or cancelled. What was typed is judged by the file.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { RunEvent, RunHandle } from "../../sdk/index.ts";
import { type Desk, openDesk } from "../support/desk.ts";
import { until } from "../support/product.ts";

const text = "the quick brown fox jumps over the lazy dog ".repeat(40).trim();
const typing = `- { type: "${text}", in: "*Mousepad", timeout: 90s }`;

let desk: Desk;

before(async () => {
  desk = await openDesk({});
});
after(() => desk?.stop());

/** The run's events as they come. */
function told(run: RunHandle): RunEvent[] {
  const events: RunEvent[] = [];
  const reading = async () => {
    for await (const event of run) events.push(event);
  };
  // A test that fails leaves the run as it is; the client closes.
  reading().catch(() => {});
  return events;
}

const holds = (events: readonly RunEvent[]) =>
  events.flatMap((event) => (event.kind === "HOLDING" ? [event.reason] : event.kind === "RESUMED" ? [""] : []));

/** A run that types into the editor, halted in the middle, with what is in the file then. */
async function haltedInMidWord() {
  const client = desk.product.client();
  const editor = await desk.editing("");
  const run = await desk.begins(typing);
  const events = told(run);
  const title = async () => (await desk.onlooker.windows()).find(({ id }) => id === editor.id)?.title;
  await until("it types", async () => (await title())?.startsWith("*"));
  await client.halt({ machine: "vm-1" }, "a drill");
  const typed = await desk.saved();
  assert.ok(typed.length > 0 && typed.length < text.length && text.startsWith(typed), `${typed.length} characters`);
  await until("it holds", () => holds(events).at(-1) === "HALTED");
  return { client, run, events, typed };
}

test("a run that is halted stops in mid-word, and resumed it types the rest, once", async () => {
  const { client, run, events, typed } = await haltedInMidWord();
  assert.equal(await desk.unchanged(), typed, "not one character more");
  await client.resume({ machine: "vm-1" });
  await run.result();
  assert.equal(await desk.saved(), text);
  assert.deepEqual(holds(events), ["HALTED", ""]);
});

test("a run that is halted can be cancelled, and types no more", async () => {
  const { client, run, typed } = await haltedInMidWord();
  await run.cancel();
  await assert.rejects(run.result(), { name: "RunCancelled" });
  await client.resume({ machine: "vm-1" });
  assert.equal(await desk.unchanged(), typed);
});
