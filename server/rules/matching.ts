// Whether a machine offers what a workflow requires. Pure.

import { isWithin } from "./version-range.ts";

/** What a label of the machine has to be. */
export type LabelTest =
  | { readonly label: string; readonly is: "in" | "not"; readonly values: readonly string[] }
  | { readonly label: string; readonly is: "present" | "absent" };

/** What a workflow requires of a machine. */
export interface Requirement {
  readonly application: string;
  /** A range of its versions, for example `>=4.2 <5 || ~6.1`; absent: any. */
  readonly version?: string;
  readonly labels: readonly LabelTest[];
}

/** What a machine offers, as its agent says. */
export interface Offer {
  readonly applications: readonly { readonly name: string; readonly version: string }[];
  readonly labels: { readonly [name: string]: string };
}

export const misfits = ["APPLICATION_MISSING", "WRONG_VERSION", "LABEL_MISMATCH"] as const;
export type Misfit = (typeof misfits)[number];

/** Why the offer is not what is required: the first reason of `misfits`; undefined when it is. */
export function misfit({ application, version, labels }: Requirement, offer: Offer): Misfit | undefined {
  const offered = offer.applications.filter(({ name }) => name === application);
  if (offered.length === 0) return "APPLICATION_MISSING";
  if (version !== undefined && !offered.some((each) => isWithin(each.version, version))) return "WRONG_VERSION";
  return labels.every((test) => holds(test, offer.labels)) ? undefined : "LABEL_MISMATCH";
}

function holds(test: LabelTest, labels: Offer["labels"]): boolean {
  const value = Object.hasOwn(labels, test.label) ? labels[test.label] : undefined;
  switch (test.is) {
    case "in":
      return value !== undefined && test.values.includes(value);
    case "not":
      return value === undefined || !test.values.includes(value);
    case "present":
      return value !== undefined;
    case "absent":
      return value === undefined;
  }
}
