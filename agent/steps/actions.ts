// Does the action of one command on the desktop. Every input call goes through the command's gate.

import { setTimeout as sleep } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  ArtifactKind,
  Button,
  type Command,
  type OutputSchema,
  type ReadinessProofSchema,
} from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import type { PointerButton } from "../desktop/desktop.ts";
import { firstFailing, nameOf, needsFrame } from "./conditions.ts";
import { endApplication } from "./end-application.ts";
import { exec } from "./exec.ts";
import type { CommandGate } from "./gate.ts";
import { Look } from "./look.ts";
import { prove } from "./prove.ts";
import { read } from "./read.ts";
import type { Scope } from "./scope.ts";
import { StepEnded } from "./step-ended.ts";
import { type Found, onlyWindow, resolveTarget } from "./targets.ts";

export interface Finding {
  readonly output?: MessageInitShape<typeof OutputSchema>;
  readonly proof?: MessageInitShape<typeof ReadinessProofSchema>;
  /** It ran to its end, and that end was bad. */
  readonly failure?: StepEnded;
}

const FOCUS_WITHIN_MS = 2000;
/** An application asks for the clipboard's content after the chord, in its own time. */
const PASTE_TAKEN_WITHIN_MS = 300;
const CLICKS_MAX = 3;

export async function act(command: Command, gate: CommandGate, look: Look, scope: Scope): Promise<Finding> {
  const { desktop } = scope;
  const { action } = command;
  switch (action.case) {
    case "prove":
      return { proof: await prove(action.value, scope) };
    case "launch": {
      if (action.value.command.length === 0) throw new StepEnded("PROTOCOL", "the program to start is missing");
      await gate.act(() =>
        desktop.launch(action.value.command, {}).catch(() => {
          gate.undone();
          throw new StepEnded("EXEC_FAILED", "the program could not be started");
        }),
      );
      return {};
    }
    case "close": {
      const window = await onlyWindow(action.value.window, look);
      await gate.actOn(window, () => desktop.close(window));
      return { output: { box: window.box } };
    }
    case "focusWindow": {
      const window = await onlyWindow(action.value.window, look);
      await gate.allows(window);
      if (!(await desktop.focus(window, FOCUS_WITHIN_MS))) {
        throw new StepEnded("FOCUS_LOST", "the window did not become active");
      }
      return { output: { box: window.box } };
    }
    case "click": {
      const found = await aim(action.value.target, gate, look);
      const count = Math.min(Math.max(action.value.count, 1), CLICKS_MAX);
      await desktop.click(found.point, buttonOf(action.value.button), count, gate);
      return where(found);
    }
    case "move": {
      const found = await aim(action.value.target, gate, look);
      await desktop.move(found.point, gate);
      return where(found);
    }
    case "drag": {
      const from = await resolveTarget(action.value.from, look);
      const to = await resolveTarget(action.value.to, look);
      // The drag begins in one window and may end in another: either may be under the pointer on the way.
      const both = from.receivers.length > 0 && to.receivers.length > 0;
      gate.receivers = both ? [...from.receivers, ...to.receivers] : [];
      await desktop.drag(from.point, to.point, gate);
      return where(from);
    }
    case "scroll": {
      const found = await aim(action.value.target, gate, look);
      await desktop.scroll(found.point, action.value.dx, action.value.dy, gate);
      return where(found);
    }
    case "type":
      keyboard(command, gate);
      await desktop.type(action.value.text, gate);
      return {};
    case "press":
      keyboard(command, gate);
      await desktop.press(action.value.chord, gate);
      return {};
    case "paste":
      keyboard(command, gate);
      try {
        await desktop.writeClipboard(action.value.text);
        await desktop.press("ctrl+v", gate);
        await sleep(PASTE_TAKEN_WITHIN_MS, undefined, { signal: scope.signal });
      } finally {
        // However it went, a patient's data does not stay on the clipboard.
        await desktop.writeClipboard("");
      }
      return {};
    case "wait":
      await untilHold(action.value.conditions, scope);
      return {};
    case "read":
      return { output: await read(action.value, look) };
    case "assert": {
      const failing = await firstFailing(action.value.conditions, look);
      if (failing === undefined) return {};
      const name = nameOf(action.value.conditions[failing], failing, "assert");
      throw new StepEnded("ASSERTION_FAILED", `${name} did not hold`);
    }
    case "screenshot":
      scope.keep(ArtifactKind.SCREENSHOT, await look.frame());
      return {};
    case "exec":
      return exec(action.value, gate, scope);
    case "endApplication":
      await endApplication(gate, scope);
      return {};
    case "pause":
      await sleep(action.value.durationMs, undefined, { signal: scope.signal });
      return {};
    default:
      throw new StepEnded("UNSUPPORTED", "this agent does not know the action");
  }
}

/** Looks until all conditions hold on one look. Ends by the scope's signal only. */
export async function untilHold(conditions: Command["done"], scope: Scope): Promise<void> {
  const pauseMs = conditions.some(needsFrame) ? 100 : 50;
  for (;;) {
    scope.signal.throwIfAborted();
    const look = new Look(scope.desktop, scope.sight, scope.processNames);
    if ((await firstFailing(conditions, look)) === undefined) return;
    await sleep(pauseMs, undefined, { signal: scope.signal });
  }
}

async function aim(target: Parameters<typeof resolveTarget>[0], gate: CommandGate, look: Look): Promise<Found> {
  const found = await resolveTarget(target, look);
  gate.receivers = found.receivers;
  return found;
}

function keyboard({ focus }: Command, gate: CommandGate): void {
  gate.receivers = focus === undefined ? [] : [focus];
}

const where = ({ box, score }: Found): Finding => ({ output: { box, score } });

function buttonOf(button: Button): PointerButton {
  if (button === Button.MIDDLE) return "middle";
  return button === Button.RIGHT ? "right" : "left";
}
