// The one door of input on Windows, with a Windows that is scripted: what Windows takes, and who has the foreground when.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type DesktopWindow, ReceiverChanged } from "../../../../agent/desktop/desktop.ts";
import { ForeignInput } from "../../../../agent/desktop/windows/foreign-input.ts";
import { type Call, GuardedInput, InputBlocked } from "../../../../agent/desktop/windows/guarded-input.ts";
import type { Win32 } from "../../../../agent/desktop/windows/win32.ts";
import { gate, Refused } from "../gates.ts";

const press = Uint8Array.of(...Array(40).fill(1));
const release = Uint8Array.of(...Array(40).fill(2));

/** `foregrounds` are the answers to the questions for the foreground, the last one for good; `takes` those of SendInput. */
function scripted({ foregrounds = [7], takes = [] as number[] } = {}) {
  const sent: number[][] = [];
  const questions = [...foregrounds];
  const win32 = {
    GetForegroundWindow: () => (questions.length > 1 ? questions.shift() : questions[0]),
    GetTickCount: () => 0,
    SendInput(count: number, inputs: Uint8Array, bytesEach: number) {
      assert.equal(inputs.length, count * bytesEach);
      sent.push(Array.from({ length: count }, (_, at) => inputs[at * bytesEach] ?? 0));
      return takes.shift() ?? count;
    },
    SendMessageTimeoutW: { async: (...asked: unknown[]) => (asked.at(-1) as (e: null, r: number) => void)(null, 1) },
  } as unknown as Win32;
  const input = new GuardedInput(win32, new ForeignInput(win32));
  const call = (changes: Partial<Call> = {}): Call => ({
    receiver: () => windowWithId(questions[0] ?? 0),
    events: () => [press, release],
    release: [release],
    keepsForeground: true,
    ...changes,
  });
  return { sent, input, call };
}

const windowWithId = (id: number): DesktopWindow => ({
  ...{ id: `0x${id}`, title: "", className: "", pid: 1, process: "notepad.exe" },
  ...{ box: { x: 0, y: 0, width: 1, height: 1 }, modal: false, dialog: false },
});

test("all parts of one call are given to Windows at once, and the call counts once", async () => {
  const { sent, input, call } = scripted();
  const asked = gate();
  await input.inject(asked, call());
  assert.deepEqual(sent, [[1, 2]]);
  assert.equal(asked.injectedCalls(), 1);
});

test("a refused call sends nothing", async () => {
  const { sent, input, call } = scripted();
  await assert.rejects(
    input.inject(
      gate(() => false),
      call(),
    ),
    Refused,
  );
  assert.deepEqual(sent, []);
});

test("a window that takes the foreground while it is asked about is the one that the gate is asked about", async () => {
  const { input, call } = scripted({ foregrounds: [7, 8] });
  const asked = gate();
  await input.inject(asked, call());
  assert.deepEqual(
    asked.receivers.map((receiver) => receiver?.id),
    ["0x8"],
  );
});

test("a window that takes the foreground while a character is sent is noticed, and the call counts", async () => {
  const { input, call } = scripted({ foregrounds: [7, 7, 8] });
  const asked = gate();
  await assert.rejects(input.inject(asked, call()), ReceiverChanged);
  assert.equal(asked.injectedCalls(), 1);
});

test("a chord may change the foreground", async () => {
  const { input, call } = scripted({ foregrounds: [7, 7, 8] });
  await input.inject(gate(), call({ keepsForeground: false }));
});

test("a call that Windows takes nothing of was admitted and does not count", async () => {
  const { sent, input, call } = scripted({ takes: [0] });
  const asked = gate();
  await assert.rejects(input.inject(asked, call()), InputBlocked);
  assert.deepEqual([sent, asked.receivers.length, asked.injectedCalls()], [[[1, 2]], 1, 0]);
});

test("a call that Windows takes a part of counts, and what it pressed is released", async () => {
  const { sent, input, call } = scripted({ takes: [1] });
  const asked = gate();
  await assert.rejects(input.inject(asked, call()), InputBlocked);
  assert.deepEqual(sent, [[1, 2], [2]]);
  assert.equal(asked.injectedCalls(), 1);
});
