// Whose input it was on X11: the agent's own, or somebody else's (G14). The rules; x11-surface.test.ts has a real server.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { XEvent } from "../../../../agent/desktop/x11/connection.ts";
import { ForeignInput } from "../../../../agent/desktop/x11/foreign-input.ts";
import type { RawInput } from "../../../../agent/desktop/x11/xinput.ts";

const byXTest = 4;
const byMouse = 9;
const key = (detail: number, source = byXTest): RawInput => ({ kind: "key", detail, source });
const button = (detail: number, source = byXTest): RawInput => ({ kind: "button", detail, source });
const motion = (source = byXTest): RawInput => ({ kind: "motion", detail: 0, source });

/** A server whose events are said by hand; `answers` is what it tells when the agent's input was sent. */
function served() {
  const arrived: RawInput[] = [];
  let heard: (event: XEvent) => void = () => {};
  const told = new Map<XEvent, RawInput>();
  const foreign = new ForeignInput(
    {
      listen: (listener) => {
        heard = listener;
      },
      takeEvents() {
        for (const input of arrived.splice(0)) {
          const event = Buffer.alloc(0);
          told.set(event, input);
          heard(event);
        }
      },
      answered: () => {},
    },
    { read: (event) => told.get(event), isXTest: (device) => device === byXTest },
  );
  /** The agent sends `inputs`; the server tells `answers` while the agent still holds it. */
  const sends = (inputs: readonly RawInput[], answers = inputs) =>
    foreign.during(() => {
      for (const { kind, detail } of inputs) if (kind !== "touch") foreign.sent(kind, detail);
      arrived.push(...answers);
    });
  return { foreign, arrives: (...inputs: readonly RawInput[]) => void arrived.push(...inputs), sends };
}

test("what is told while the agent holds the server is the agent's; before and after it is somebody else's", () => {
  const { foreign, arrives, sends } = served();
  sends([motion(), button(1)]);
  sends([key(38), key(38)]);
  assert.equal(foreign.msAgo(), undefined);
  arrives(key(38));
  sends([key(38)]);
  assert.equal(foreign.presses(), 1);
  arrives(key(38), motion());
  assert.equal(foreign.presses(), 2);
  assert.ok((foreign.msAgo() ?? Number.POSITIVE_INFINITY) < 100);
});

test("a real device is never the agent, not even while the agent holds the server", () => {
  const { foreign, sends } = served();
  sends([key(38)], [key(38), key(38, byMouse)]);
  assert.equal(foreign.presses(), 1);
});

test("what the server tells otherwise than it was sent is the agent's, while the agent holds the server", () => {
  const { foreign, sends } = served();
  sends([button(1)], [button(3), motion()]);
  assert.equal(foreign.msAgo(), undefined);
});

test("a click that is told late is the agent's, once; the same click again is somebody else's", () => {
  const { foreign, arrives, sends } = served();
  sends([motion(), button(1), button(1)], [motion(), button(1)]);
  arrives(button(1));
  assert.equal(foreign.presses(), 0);
  arrives(button(1));
  assert.equal(foreign.presses(), 1);
});

test("keys pass clicks that are held back, and both are the agent's", () => {
  const { foreign, arrives, sends } = served();
  sends([motion(), button(1)], []);
  sends([key(38)]);
  arrives(motion(), button(1));
  assert.equal(foreign.msAgo(), undefined);
});

test("what was sent and never told hides nobody's input once something later was told", () => {
  const { foreign, arrives, sends } = served();
  sends([button(4), button(1)], [button(1)]);
  arrives(button(4));
  assert.equal(foreign.presses(), 1);
});

test("a move is told as somebody's, and is no press", () => {
  const { foreign, arrives } = served();
  arrives(motion(byMouse));
  assert.ok((foreign.msAgo() ?? Number.POSITIVE_INFINITY) < 100);
  assert.equal(foreign.presses(), 0);
});
