// What a run requires and no machine of its pool offers, for people. Pure.

import { type LabelTest, misfit, type Offer, type Requirement } from "./matching.ts";

/** Empty when a machine offers it; else what is missing. `offers`: of the machines of the pool that are not revoked. */
export function unmet(requirement: Requirement, pool: string, offers: readonly Offer[]): string {
  if (offers.some((offer) => misfit(requirement, offer) === undefined)) return "";
  const { application, version, labels } = requirement;
  const no = `no machine in pool ${pool}`;
  const having = (asked: Requirement) => offers.filter((offer) => misfit(asked, offer) === undefined);
  if (having({ application, labels: [] }).length === 0) return `${no} offers ${application}`;
  const versioned = version === undefined ? application : `${application} in a version ${version}`;
  const fitting = having({ ...requirement, labels: [] });
  if (fitting.length === 0) return `${no} offers ${versioned}`;
  const missing = labels.filter((test) => having({ ...requirement, labels: [test] }).length === 0);
  // Each of them alone is there, but not on one machine.
  const asked = (missing.length > 0 ? missing : labels).map(labelText);
  return `${no} that offers ${versioned} has ${asked.join(" and ")}`;
}

function labelText(test: LabelTest): string {
  switch (test.is) {
    case "in":
      return `the label ${test.label} = ${test.values.join(" or ")}`;
    case "not":
      return `the label ${test.label} other than ${test.values.join(" and ")}`;
    case "present":
      return `a label ${test.label}`;
    case "absent":
      return `no label ${test.label}`;
  }
}
