// Readiness of a machine for an application (G2), and the evidence for it.

export const verdicts = [
  "READY",
  "NO_SURFACE",
  "APP_NOT_RUNNING",
  "LOGIN_REQUIRED",
  "MFA_PROMPT",
  "MODAL_BLOCKING",
  "WRONG_SCREEN",
  "FROZEN",
] as const;

export type Verdict = (typeof verdicts)[number];

/** Why there is nothing on a machine that a person would see. The same words as the channel's `SurfaceCause`. */
export const surfaceCauses = [
  "LOCKED",
  "BLANK",
  "NO_SESSION",
  "UNREACHABLE",
  "DISCONNECTED",
  "SECURE_DESKTOP",
] as const;

export type SurfaceCause = (typeof surfaceCauses)[number];

/** What one probe saw; `probe` is its kind and place in the application's list, never anything from the screen. */
export interface ProbeEvidence {
  readonly probe: string;
  readonly held: boolean;
  readonly score?: number;
  readonly box?: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
}

/** The evidence that a machine was, or was not, ready; kept with the attempt. */
export interface ReadinessProof {
  readonly verdict: Verdict;
  /** With NO_SURFACE, unless the agent did not say. */
  readonly surfaceCause?: SurfaceCause;
  readonly evidence: readonly ProbeEvidence[];
  /** The frame it was taken on. */
  readonly frame?: string;
  readonly screen: { readonly width: number; readonly height: number };
}
