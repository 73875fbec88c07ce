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
  readonly evidence: readonly ProbeEvidence[];
  /** The frame it was taken on. */
  readonly frame?: string;
  readonly screen: { readonly width: number; readonly height: number };
}
