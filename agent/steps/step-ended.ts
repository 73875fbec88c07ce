// The one way out of a step that did not succeed. It is thrown, and not returned, because it must pass through a
// desktop's own code: an input gate says no from inside `type`. `carryOut` catches it and nothing else does.

import { FailureCategory } from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";

export type Category = Exclude<keyof typeof FailureCategory, "UNSPECIFIED">;

export class StepEnded extends Error {
  override readonly name = "StepEnded";
  readonly category: Category;

  /** `message` is for people and holds nothing from the screen and no input (G11). */
  constructor(category: Category, message: string) {
    super(message);
    this.category = category;
  }

  get code(): FailureCategory {
    return FailureCategory[this.category];
  }
}

/** Waits for `promise`, or throws the signal's reason as soon as it is aborted. */
export function unlessEnded<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = () => reject(signal.reason);
    if (signal.aborted) ended();
    signal.addEventListener("abort", ended, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", ended));
  });
}
