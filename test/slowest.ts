// A reporter for node:test that writes one line a file: its milliseconds and its path. `run.ts` shows the slowest.

import { relative, resolve } from "node:path";
import type { TestEvent } from "node:test/reporters";

const root = resolve(import.meta.dirname, "..");

export default async function* slowest(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of events) {
    if (type !== "test:summary" || data.file === undefined) continue;
    yield `${Math.round(data.duration_ms)} ${relative(root, data.file)}\n`;
  }
}
