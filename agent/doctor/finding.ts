// What a check found. The list of checks is closed: docs/agent.md explains each, and a test compares the two.

/** All checks, in the order in which they are made and told. */
export const CHECKS = [
  "session",
  "rights",
  "window-manager",
  "surface",
  "capture",
  "health-shot",
  "input",
  "windows",
  "clipboard",
  "reading",
  "scaling",
  "power",
  "programs",
  "state",
  "identity",
  "agent",
  "disk",
  "server",
  "key",
  "clock",
] as const;

export type CheckName = (typeof CHECKS)[number];

/**
 * `found` is a phrase, `remedy` a sentence that says what to do. Neither ever holds a title, a text of the screen, a key or
 * a token (G10, G11).
 */
export type Judgement =
  | { readonly is: "ok"; readonly found: string }
  | { readonly is: "warning" | "fault"; readonly found: string; readonly remedy: string }
  /** Not looked at: nothing was said to look at, or an earlier fault makes it pointless. */
  | { readonly is: "skipped"; readonly found: string };

export type Finding = Judgement & { readonly check: CheckName };

export const ok = (found: string): Judgement => ({ is: "ok", found });
export const warning = (found: string, remedy: string): Judgement => ({ is: "warning", found, remedy });
export const fault = (found: string, remedy: string): Judgement => ({ is: "fault", found, remedy });
export const skipped = (found: string): Judgement => ({ is: "skipped", found });

/** As bad as the worst of them, with all faults and then all warnings, each remedy once; else all that was found. */
export function worst(judgements: readonly Judgement[]): Judgement {
  const bad = (["fault", "warning"] as const).flatMap((level) =>
    judgements.flatMap((judgement) => (judgement.is === level ? [judgement] : [])),
  );
  const [first] = bad;
  if (first === undefined) return ok(joined(judgements));
  const remedies = new Set(bad.map(({ remedy }) => remedy));
  return { is: first.is, found: joined(bad), remedy: [...remedies].join(" ") };
}

const joined = (judgements: readonly Judgement[]) => judgements.map(({ found }) => found).join("; ");
