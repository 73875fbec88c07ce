// What a machine can be told to do, as plain data: a step with all its expressions evaluated. `server/workflows` makes
// it, the store keeps it as JSON, `server/channel/messages.ts` turns it into the protocol's Command. The meanings are
// those of `proto/drover/agent/v1/{channel,screen}.proto`.

/** What a step changes in the world (G4). */
export type Effect = "none" | "idempotent" | "commit";

export interface WindowPattern {
  /** Glob over the whole title; interpolated values are already escaped. */
  readonly title?: string;
  readonly process?: string;
  readonly className?: string;
}

export type Anchor = "middle" | "top-left" | "top-right" | "bottom-left" | "bottom-right";

export interface ImageRef {
  /** SHA-256 of the PNG, hex: a file of the workflow or application. The bytes are put in when it is sent. */
  readonly digest: string;
  readonly threshold?: number;
  readonly within?: WindowPattern;
}

export type Target =
  | { readonly image: ImageRef }
  | { readonly text: { readonly text: string; readonly within?: WindowPattern } }
  | { readonly window: WindowPattern }
  | {
      readonly relative: {
        readonly base: Target;
        readonly dx: number;
        readonly dy: number;
        readonly anchor: Anchor;
      };
    };

export type Condition = { readonly absent?: boolean } & (
  | { readonly window: WindowPattern }
  | { readonly activeWindow: WindowPattern }
  | { readonly image: ImageRef }
  | { readonly text: { readonly text: string; readonly within?: WindowPattern } }
  | { readonly process: string }
  | { readonly responsiveMs: number }
);

export type Button = "left" | "middle" | "right";

export type ReadSource =
  | { readonly windowTitle: WindowPattern }
  | { readonly activeTitle: true }
  | { readonly windowText: WindowPattern }
  | { readonly clipboard: true }
  | {
      readonly box: {
        readonly window?: WindowPattern;
        readonly x: number;
        readonly y: number;
        readonly width: number;
        readonly height: number;
      };
    };

export type Action =
  | { readonly is: "prove"; readonly ready: readonly Condition[]; readonly blocking: readonly WindowPattern[] }
  | { readonly is: "launch"; readonly command: readonly string[] }
  | { readonly is: "close"; readonly window: WindowPattern }
  | { readonly is: "focus"; readonly window: WindowPattern }
  | { readonly is: "click"; readonly target: Target; readonly button: Button; readonly count: number }
  | { readonly is: "move"; readonly target: Target }
  | { readonly is: "drag"; readonly from: Target; readonly to: Target }
  | { readonly is: "scroll"; readonly target: Target; readonly dx: number; readonly dy: number }
  | { readonly is: "type"; readonly text: string }
  | { readonly is: "press"; readonly chord: string }
  | { readonly is: "paste"; readonly text: string }
  | { readonly is: "wait"; readonly conditions: readonly Condition[] }
  | { readonly is: "read"; readonly from: ReadSource }
  | { readonly is: "assert"; readonly conditions: readonly Condition[] }
  | { readonly is: "screenshot" }
  | { readonly is: "exec"; readonly name: string; readonly arguments: readonly string[] }
  | { readonly is: "pause"; readonly durationMs: number }
  | { readonly is: "end-application" };

/** One command without its number, which the attempt gives it. */
export interface CommandSpec {
  /** The step it comes from: its id, or its place such as `steps[3]`; `prove` and `launch` for readiness. */
  readonly step: string;
  readonly effect: Effect;
  readonly timeoutMs: number;
  /** The window that keyboard input belongs to, besides belonging to the application (G3). */
  readonly focus?: WindowPattern;
  readonly guard: readonly Condition[];
  readonly done: readonly Condition[];
  /** How long after the action they may take to hold; absent: as long as the timeout leaves. */
  readonly doneTimeoutMs?: number;
  readonly action: Action;
}

/** How much input reached the desktop during a command (G4). */
export type InputAmount = "none" | "some" | "all";

/** What a command found. Sensitive. */
export interface CommandOutput {
  readonly text?: string;
  readonly box?: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
  readonly score?: number;
  readonly exitCode?: number;
}

/** Doing nothing for a while, between two tries. */
export const pauseFor = (step: string, durationMs: number): CommandSpec => ({
  step,
  effect: "none",
  timeoutMs: durationMs + 1_000,
  guard: [],
  done: [],
  action: { is: "pause", durationMs },
});

/** Actions that send keyboard or pointer input, or change something by other means: they need a lease and a focus. */
export const sendsInput = (action: Action): boolean =>
  ["click", "move", "drag", "scroll", "type", "press", "paste", "exec", "close"].includes(action.is);
