// A reporter for node:test that writes each test that ended as a line of JSON, with what kind of error it ended by.

import type { TestEvent } from "node:test/reporters";

export interface EndedTest {
  readonly title: string;
  readonly passed: boolean;
  /** The class of what was thrown; a word of node:test where nothing was: of a test whose time was over, for one. */
  readonly error: string;
}

/** As node:test tells of an error that came out of a test. */
interface Thrown {
  readonly failureType?: string;
  readonly cause?: { readonly name?: string };
}

export default async function* endedTests(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of events) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    // A file is told of like a test of its name when it could not be loaded, or left something undone; a suite ends as its
    // tests do.
    if (data.details.type === "suite" || (data.file !== undefined && data.name === data.file)) continue;
    const thrown = type === "test:fail" ? (data.details.error as Thrown) : undefined;
    const ended: EndedTest = {
      title: data.name,
      passed: type === "test:pass",
      error: thrown?.cause?.name ?? thrown?.failureType ?? "",
    };
    yield `${JSON.stringify(ended)}\n`;
  }
}
