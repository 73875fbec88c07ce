// A run's events for people: one line each, and on a terminal a last line that says what is going on now.

import type { RunEvent } from "../events.ts";
import type { RunFailure } from "../outcomes.ts";
import { cleaned, shortened } from "./screen-text.ts";
import { spanText } from "./spans.ts";

/** What happened, in a few words. */
export function eventText(event: RunEvent): string {
  const { machine, attempt } = event;
  switch (event.kind) {
    case "QUEUED":
      return "waits for a machine";
    case "PLACED":
      return event.purpose === "VERIFY"
        ? `on ${machine}, to find out whether it took hold`
        : `on ${machine}, attempt ${attempt}`;
    case "PROVED":
      return `${machine || "machine"} is ${event.verdict}`;
    case "REPAIRING":
      return `repairs ${machine}${event.step ? `: ${event.step}` : ""}`;
    case "STEP_STARTED":
      return `step ${event.step}`;
    case "STEP_DONE":
      return `step ${event.step} done${took(event.durationMs)}`;
    case "STEP_FAILED":
      return `step ${event.step} failed${took(event.durationMs)}${because(event.failure)}`;
    case "HOLDING":
      return `${held(event.reason, machine)}; the attempt holds`;
    case "RESUMED":
      return `${machine}: the attempt goes on`;
    case "ATTEMPT_ENDED":
      return `attempt ${attempt} is over (${event.commitLabel ?? "no label"})${because(event.failure)}`;
    case "REQUEUED":
      return `waits for another attempt${event.notBefore === undefined ? "" : `, not before ${timeText(event.notBefore)}`}`;
    case "UNSETTLED":
      return "a commit step may have taken hold; waits for a machine to find out on";
    case "VERIFIED":
      return verified[event.verification ?? "UNCLEAR"];
    case "RESOLVED":
      return `settled by a person: ${event.resolvedAs ?? "otherwise"}`;
    case "MOVED_TO_FRONT":
      return "moved to the front of the queue";
    case "CANCEL_REQUESTED":
      return "is to be stopped";
    case "ENDED":
      return `${event.outcome ?? "ended"}${because(event.failure)}`;
    case "OTHER":
      return `event of kind ${event.code}, which this version does not know`;
  }
}

const verified = {
  HELD: "verify found that it took hold",
  NOT_HELD: "verify found that it did not take hold",
  UNCLEAR: "verify could not find out whether it took hold",
};

const held = (reason: string, machine: string): string => {
  if (reason === "HALTED") return `${machine} is halted`;
  return reason === "HUMAN_PRESENT" ? `a person is at ${machine}` : `${machine} is silent`;
};

/** Writes each event; `stop` takes the last line away. */
export interface Progress {
  show(event: RunEvent): void;
  say(text: string): void;
  /** Why nothing happens: the present on a terminal, a line elsewhere. */
  wait(why: string): void;
  stop(): void;
}

/** Live on a terminal, plain lines elsewhere. */
export function progressOn(stream: NodeJS.WriteStream): Progress {
  let now = "";
  let since = Date.now();
  const wipe = () => void (stream.isTTY && stream.write("\r\u001b[2K"));
  const draw = () => {
    if (!stream.isTTY || now === "") return;
    const line = shortened(`${now} … ${spanText(Date.now() - since)}`, (stream.columns ?? 80) - 1);
    stream.write(`\r\u001b[2K${line}`);
  };
  const timer = stream.isTTY ? setInterval(draw, 1_000) : undefined;
  const say = (text: string) => {
    wipe();
    stream.write(`${cleaned(text)}\n`);
    draw();
  };
  return {
    say,
    show(event) {
      const text = cleaned(eventText(event));
      // A step that began is the present, not the past, on a terminal; its end is the line that stays.
      if (!stream.isTTY || event.kind !== "STEP_STARTED") say(`${timeText(event.at)}  ${text}`);
      now = event.kind === "ENDED" ? "" : text;
      since = Date.now();
      draw();
    },
    wait(why) {
      if (!stream.isTTY) return say(`waits: ${why}`);
      now = `waits: ${cleaned(why)}`;
      draw();
    },
    stop() {
      clearInterval(timer);
      wipe();
    },
  };
}

/** On the clock that the server's log has. */
export const timeText = (at: Date): string => at.toISOString().slice(11, 19);

function took(ms: number | undefined): string {
  return ms === undefined ? "" : ` in ${spanText(ms)}`;
}

function because(failure: RunFailure | undefined): string {
  return failure === undefined ? "" : `: ${failure.category}: ${failure.message}`;
}
