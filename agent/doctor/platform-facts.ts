// What a diagnosis asks of a platform beside its desktop: read by `linux-facts.ts` and `windows-facts.ts`, judged by
// `desktop-checks.ts` and `machine-checks.ts`. `unknown` is a fact that the platform does not tell; it is never guessed.

export type SessionFact =
  | { readonly is: "x11"; readonly display: string }
  | { readonly is: "unreachable"; readonly display: string }
  /** The desktop's own libraries cannot be loaded. */
  | { readonly is: "unloadable"; readonly why: string }
  /** An X server that only shows X programs on a Wayland desktop. */
  | { readonly is: "wayland" }
  | { readonly is: "console" | "rdp"; readonly number: number | "unknown"; readonly disconnected: boolean }
  /** Windows' session of services. */
  | { readonly is: "services" }
  | { readonly is: "unknown" };

export type RightsFact = "root" | "elevated" | "ordinary" | "unknown";

export interface InputFact {
  /** By which door input goes. */
  readonly by: "XTest" | "SendInput";
  readonly possible: boolean;
  /** Whether somebody else's input is told from it: a person at the mouse. */
  readonly presence: boolean;
}

/** Something that happens by itself when nobody uses the machine. */
export interface IdleFact {
  readonly what: "screen-saver" | "lock" | "sleep";
  /** 0: never. */
  readonly afterSeconds: number | "unknown";
}

export type WindowManagerFact = { readonly is: "none" } | { readonly is: "running"; readonly name: string };

export interface PlatformFacts {
  session(): Promise<SessionFact>;
  rights(): Promise<RightsFact>;
  windowManager(): Promise<WindowManagerFact>;
  input(): Promise<InputFact>;
  idle(): Promise<readonly IdleFact[]>;
  /** How pictures are taken in the agent's own process. */
  readonly ownCapture: string;
  /** Programs that health screenshots need and that are not there. */
  missingForHealthShots(): readonly string[];
}
