// Live progress of all runs on stderr: a small table that is drawn again on a terminal, plain lines elsewhere.

import { eventText } from "../../sdk/cli/progress.ts";
import { type Column, table } from "../../sdk/cli/table.ts";
import type { RunEvent } from "../../sdk/index.ts";
import type { PlannedRun } from "./plan.ts";

export interface Progress {
  /** A line about the demo itself. */
  say(line: string): void;
  /** Shows these runs from now on. */
  runs(plan: readonly PlannedRun[]): void;
  changed(index: number, event: RunEvent): void;
  /** Leaves the table as it is, and draws it no more. */
  stop(): void;
}

interface Row {
  readonly run: number;
  readonly workflow: string;
  state: string;
  machine: string;
  step: string;
}

const columns: Column<Row>[] = [
  { title: "RUN", value: ({ run }) => String(run) },
  { title: "WORKFLOW", value: ({ workflow }) => workflow },
  { title: "STATE", value: ({ state }) => state },
  { title: "MACHINE", value: ({ machine }) => machine },
  { title: "STEP", value: ({ step }) => step, elastic: true },
];

/** Half of the events of a healthy run are this one; the next step's start tells as much. */
const unsaid = "STEP_DONE";

export function progressOn(stream: NodeJS.WriteStream): Progress {
  let rows: Row[] = [];
  let drawn = 0;
  const draw = () => {
    if (!stream.isTTY || rows.length === 0) return;
    const lines = table(columns, rows, (stream.columns ?? 80) - 1);
    const up = drawn > 0 ? `\u001b[${drawn}A` : "";
    stream.write(`${up}${lines.map((line) => `\r\u001b[2K${line}\n`).join("")}`);
    drawn = lines.length;
  };
  return {
    say: (line) => void stream.write(`${line}\n`),
    runs(plan) {
      rows = plan.map(({ workflow }, index) => ({ run: index + 1, workflow, state: "", machine: "", step: "" }));
      draw();
    },
    changed(index, event) {
      const row = rows[index];
      if (row === undefined) return;
      apply(row, event);
      if (stream.isTTY) draw();
      else if (event.kind !== unsaid) stream.write(`run ${row.run} ${row.workflow}: ${eventText(event)}\n`);
    },
    stop() {
      rows = [];
      drawn = 0;
    },
  };
}

function apply(row: Row, event: RunEvent): void {
  switch (event.kind) {
    case "QUEUED":
    case "REQUEUED":
      Object.assign(row, { state: "queued", machine: "", step: "waits for a machine" });
      return;
    case "PLACED":
      Object.assign(row, { state: "running", machine: event.machine, step: "readiness proof" });
      return;
    case "PROVED":
      row.step = event.verdict;
      return;
    case "REPAIRING":
    case "STEP_STARTED":
      row.step = event.step;
      return;
    case "ATTEMPT_ENDED":
      row.step = event.failure?.category ?? "";
      return;
    case "ENDED":
      row.state = event.outcome ?? "ended";
      return;
  }
}
