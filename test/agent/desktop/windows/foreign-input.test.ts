// Whose input it was: the agent's own, a person's (G14), or only what looks like one.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ForeignInput } from "../../../../agent/desktop/windows/foreign-input.ts";

/** Windows' clocks and pointer, set by hand. */
class FakeWindows {
  now: number;
  last: number;
  at = { x: 10, y: 10 };

  constructor(now = 1_000_000) {
    this.now = now;
    this.last = now - 60_000;
  }

  GetTickCount = () => this.now >>> 0;
  GetLastInputInfo = (info: Uint8Array) => {
    Buffer.from(info.buffer, info.byteOffset, info.byteLength).writeUInt32LE(this.last >>> 0, 4);
    return 1;
  };
  GetCursorPos = (point: Uint8Array) => {
    const view = Buffer.from(point.buffer, point.byteOffset, point.byteLength);
    view.writeInt32LE(this.at.x, 0);
    view.writeInt32LE(this.at.y, 4);
    return 1;
  };

  /** Input `afterMs` later, with the pointer where it was or elsewhere. */
  input(afterMs: number, moved = 0): void {
    this.now += afterMs;
    this.last = this.now;
    this.at = { x: this.at.x + moved, y: this.at.y };
  }
}

function watched(windows = new FakeWindows()): { windows: FakeWindows; foreign: ForeignInput } {
  const foreign = new ForeignInput(windows);
  assert.equal(foreign.msAgo(), undefined);
  return { windows, foreign };
}

test("a pointer that somebody moves is a person's at once, and the time since then is told", () => {
  const { windows, foreign } = watched();
  windows.input(500, 3);
  assert.equal(foreign.msAgo(), 0);
  assert.equal(foreign.seen(), 1);
  windows.now += 700;
  assert.equal(foreign.msAgo(), 700);
  assert.equal(foreign.seen(), 1, "the same once");
});

test("the agent's own input is nobody else's, with the moves of the pointer that it makes", () => {
  const { windows, foreign } = watched();
  for (let call = 0; call < 20; call++) {
    windows.input(30, 5);
    foreign.sent();
    windows.now += 10;
    assert.equal(foreign.msAgo(), undefined);
  }
  assert.equal(foreign.seen(), 0);
});

test("input of the agent's that is stamped a little later than it was sent is still its own", () => {
  const { windows, foreign } = watched();
  windows.now += 1000;
  foreign.sent();
  windows.input(90);
  assert.equal(foreign.msAgo(), undefined);
});

test("keys that somebody presses are a person's when they go on", () => {
  const { windows, foreign } = watched();
  foreign.sent();
  windows.input(2000);
  assert.equal(foreign.msAgo(), undefined, "one may be a window that came up");
  windows.input(300);
  assert.equal(foreign.msAgo(), 0);
});

test("single inputs without a move of the pointer, far apart, are windows that come up and no person", () => {
  const { windows, foreign } = watched();
  for (let window = 0; window < 5; window++) {
    windows.input(1500);
    assert.equal(foreign.msAgo(), undefined);
    windows.input(20);
    assert.equal(foreign.msAgo(), undefined, "of the same event");
  }
});

test("the clock may begin anew, as it does every 49.7 days", () => {
  const { windows, foreign } = watched(new FakeWindows(2 ** 32 - 100));
  foreign.sent();
  windows.input(250, 1);
  assert.equal(foreign.msAgo(), undefined, "the pointer was not looked at since the agent moved it");
  windows.input(150, 1);
  assert.equal(foreign.msAgo(), 0);
  windows.now += 40;
  assert.equal(foreign.msAgo(), 40);
});
