// Trying mutations on benches: as many at once as there are benches, each with a copy of the checkout of its own.

import { type Caught, type Surroundings, tryCatcher } from "./catching.ts";
import type { Copy } from "./copy.ts";
import { type Catcher, type Mutation, sayCatcher } from "./mutation.ts";
import { typeFaults } from "./type-faults.ts";

/** Where one thing at a time is tried. */
export interface Bench {
  readonly copy: Copy;
  /** What the compiler says before anything is broken. */
  readonly faults: ReadonlySet<string>;
}

export interface Verdict {
  readonly mutation: Mutation;
  readonly verdict: "caught" | "NOT CAUGHT" | "does not apply" | "does not compile" | "fails unbroken";
  /** Who noticed, or why nobody did. */
  readonly says: readonly string[];
  readonly seconds: number;
}

export interface Trying extends Surroundings {
  readonly benches: readonly Bench[];
  readonly say: (line: string) => void;
}

export const secondsSince = (begunAt: number): number => Math.round((performance.now() - begunAt) / 100) / 10;

/** Catchers that fail although nothing is broken, with why. What they would say of a mutation is worth nothing. */
export async function failUnbroken(trying: Trying, catchers: readonly Catcher[]): Promise<Map<string, string>> {
  const failing = new Map<string, string>();
  await onBenches(trying, catchers, async ({ copy }, catcher) => {
    const begunAt = performance.now();
    const caught = await tryCatcher(catcher, copy.folder, trying);
    const good = caught.is === "unnoticed";
    if (!good) failing.set(sayCatcher(catcher), textOf(caught));
    trying.say(`  ${good ? "good" : "FAILS"}  ${secondsSince(begunAt).toFixed(1)} s  ${sayCatcher(catcher)}`);
  });
  return failing;
}

/** `failing` as `failUnbroken` found it. */
export async function tryMutations(
  trying: Trying,
  mutations: readonly Mutation[],
  failing: ReadonlyMap<string, string>,
): Promise<Verdict[]> {
  return onBenches(trying, mutations, async (bench, mutation) => {
    const begunAt = performance.now();
    const useless = mutation.catchers.map(sayCatcher).filter((catcher) => failing.has(catcher));
    const judged =
      useless.length > 0
        ? ({ verdict: "fails unbroken", says: useless } as const)
        : await tryMutation(bench, mutation, trying);
    const seconds = secondsSince(begunAt);
    trying.say(`  ${judged.verdict}  ${seconds.toFixed(1)} s  ${mutation.name}`);
    return { mutation, ...judged, seconds };
  });
}

async function tryMutation(
  { copy, faults }: Bench,
  mutation: Mutation,
  surroundings: Surroundings,
): Promise<Pick<Verdict, "verdict" | "says">> {
  try {
    const wrong = copy.apply(mutation);
    if (wrong !== undefined) return { verdict: "does not apply", says: [wrong] };
    const added = [...(await typeFaults(copy.folder))].filter((fault) => !faults.has(fault));
    if (added.length > 0) return { verdict: "does not compile", says: added };
    const says: string[] = [];
    let verdict: Verdict["verdict"] = "caught";
    for (const catcher of mutation.catchers) {
      const caught = await tryCatcher(catcher, copy.folder, surroundings);
      if (caught.is !== "caught") verdict = "NOT CAUGHT";
      says.push(caught.is === "caught" ? caught.by : `${sayCatcher(catcher)}: ${textOf(caught)}`);
    }
    return { verdict, says };
  } finally {
    copy.restore();
  }
}

const textOf = (caught: Caught): string =>
  caught.is === "caught" ? caught.by : caught.is === "broken" ? `not by an assertion: ${caught.why}` : "unnoticed";

async function onBenches<T, R>(
  { benches, stopping }: Trying,
  items: readonly T[],
  work: (bench: Bench, item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const waiting = items.entries();
  const serve = async (bench: Bench) => {
    for (const [index, item] of waiting) {
      if (stopping.aborted) return;
      results[index] = await work(bench, item);
    }
  };
  await Promise.all(benches.map(serve));
  return results;
}
