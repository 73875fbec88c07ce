// Whether the leased application lives and takes its events (G13): asked before anything is sent to it or read from it, and
// when something did not come true, to say why.
//
// It is also asked all along while a command lasts, so that at the end of its time the answer is there.
//
// What is typed into a window that hangs is not lost: it waits, and lands later, perhaps in another dialog. What is read
// from it is old. So both wait until the application answers, as long as the command has time.

import { setTimeout as sleep } from "node:timers/promises";
import type { DesktopWindow } from "../desktop/desktop.ts";
import { Look } from "./look.ts";
import type { Scope } from "./scope.ts";
import { type Category, StepEnded, unlessEnded } from "./step-ended.ts";

/** Of one question; it is put again while the command has time. */
const ANSWERS_WITHIN_MS = 1000;
/** After the end of a command's time, if it is not known by then. The server waits longer for a result. */
const DIAGNOSED_WITHIN_MS = 2500;
/** An application that takes longer at the end of a step's time than this does not answer. */
const LAST_ANSWER_WITHIN_MS = 1500;
/** ... and one that is known to have been silent for so long has as much time for a last answer. */
const CONFIRMED_WITHIN_MS = 100;
/** A command that is over sooner asks only if it has to. */
const WATCHED_AFTER_MS = 250;
const WATCHED_EVERY_MS = 500;
/** A window system answers in far less, or the probe says what is wrong with it. */
const SYSTEM_ANSWERS_WITHIN_MS = 500;
const BETWEEN_LOOKS_MS = 50;
/** What may come of an application that hangs or is gone. */
const UNTRUE = new Set<Category>(["TIMEOUT", "NOT_DONE", "TARGET_NOT_FOUND"]);

/** Waits until the application's window answers; at once if it has none. Ends by the scope's signal only. */
export async function untilAnswering(scope: Scope): Promise<void> {
  for (;;) {
    const window = await windowOf(scope);
    if (window === undefined) return;
    if (await unlessEnded(scope.signal, scope.desktop.responsive(window, ANSWERS_WITHIN_MS))) return;
    await sleep(BETWEEN_LOOKS_MS, undefined, { signal: scope.signal });
  }
}

/** Asks the application while a command lasts. */
export class AnswerWatch {
  readonly #stopped = new AbortController();
  /** When the oldest question was put that has had no answer since. */
  #silentSince: number | undefined;
  #answer = Promise.withResolvers<void>();

  constructor(scope: Scope) {
    // Whatever fails here is found out by the command itself.
    this.#ask(scope).catch(() => {});
  }

  /** For how long no answer has come. */
  silentMs(): number {
    return this.#silentSince === undefined ? 0 : performance.now() - this.#silentSince;
  }

  /** Resolves at the next answer. */
  answered(): Promise<void> {
    return this.#answer.promise;
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #ask(scope: Scope): Promise<void> {
    const { signal } = this.#stopped;
    await sleep(WATCHED_AFTER_MS, undefined, { signal });
    for (; !signal.aborted; await sleep(WATCHED_EVERY_MS, undefined, { signal })) {
      const window = await windowOf(scope);
      this.#silentSince ??= performance.now();
      if (window === undefined || (await scope.desktop.responsive(window, LAST_ANSWER_WITHIN_MS))) {
        this.#silentSince = undefined;
        this.#answer.resolve();
        this.#answer = Promise.withResolvers();
      }
    }
  }
}

/**
 * Why the command ended, in the end: an application that is gone or does not answer explains what did not come true.
 * `silentMs`: for how long it is known not to have answered.
 */
export async function diagnosed(ended: StepEnded, scope: Scope, silentMs: number): Promise<StepEnded> {
  if (!UNTRUE.has(ended.category) || scope.processNames.length === 0) return ended;
  const late = new AbortController();
  const cause = causeOf(scope, Math.max(CONFIRMED_WITHIN_MS, LAST_ANSWER_WITHIN_MS - silentMs)).catch(() => undefined);
  const found = await Promise.race([cause, sleep(DIAGNOSED_WITHIN_MS, undefined, { signal: late.signal })]);
  late.abort();
  return found ?? ended;
}

async function causeOf(scope: Scope, answerWithinMs: number): Promise<StepEnded | undefined> {
  // A window system that hangs says nothing of an application.
  if (!(await scope.desktop.answers(SYSTEM_ANSWERS_WITHIN_MS))) return undefined;
  const processes = await scope.desktop.processes();
  if (!processes.some(({ name }) => scope.processNames.includes(name))) {
    return new StepEnded("APP_CRASHED", "no process of the application is left");
  }
  const window = await windowOf(scope);
  if (window === undefined || (await scope.desktop.responsive(window, answerWithinMs))) return undefined;
  // A window that closed meanwhile does not answer either.
  const still = (await scope.desktop.windows()).some(({ id }) => id === window.id);
  return still ? new StepEnded("FROZEN", "the application does not answer its window system") : undefined;
}

/** The window that its user waits for: the active one, or the topmost. */
async function windowOf({ desktop, sight, processNames }: Scope): Promise<DesktopWindow | undefined> {
  const look = new Look(desktop, sight, processNames);
  const active = await look.active();
  return active !== undefined && look.belongs(active) ? active : (await look.ownWindows()).at(-1);
}
