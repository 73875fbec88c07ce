// The gate counts what it let through: what may have arrived is never told as nothing (G4), and nothing passes without the
// lease (G1).

import assert from "node:assert/strict";
import { test } from "node:test";
import { CommandGate } from "../../agent/steps/gate.ts";
import { InputAmount } from "../../proto/gen/drover/agent/v1/channel_pb.ts";

const box = { x: 0, y: 0, width: 9, height: 9 };
const names = { id: "1", title: "Notes", className: "", pid: 1, process: "notes" };
const window = { ...names, box, modal: false, dialog: false };

function gateWith(mayInject: () => boolean): CommandGate {
  const permission = { mayInject, changed: () => Promise.resolve(), personPresses: () => 0, heldMs: () => 0 };
  return new CommandGate(permission, ["notes"], new AbortController().signal);
}

test("a call that was admitted and not reported may have arrived: that is SOME, until it is known that it did not (G4)", () => {
  const gate = gateWith(() => true);
  assert.equal(gate.amount, InputAmount.NONE);
  gate.admit(window);
  assert.equal(gate.amount, InputAmount.SOME);
  gate.undone();
  assert.equal(gate.amount, InputAmount.NONE);
  gate.admit(window);
  gate.injected();
  assert.equal(gate.amount, InputAmount.SOME);
  gate.complete();
  assert.equal(gate.amount, InputAmount.ALL);
  gate.admit(window);
  assert.equal(gate.amount, InputAmount.SOME);
});

test("permission that went after `ready` keeps the call from being made (G1)", async () => {
  let live = true;
  const gate = gateWith(() => live);
  await gate.ready();
  live = false;
  assert.equal(gate.admit(window), false);
  assert.equal(gate.amount, InputAmount.NONE);
});
