// What nobody offers, in words.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { LabelTest, Offer } from "../../../server/rules/matching.ts";
import { unmet } from "../../../server/rules/unmet.ts";

const offer = (version: string, labels: Offer["labels"] = {}): Offer => ({
  applications: [{ name: "ehr", version }],
  labels,
});
const north: LabelTest = { label: "site", is: "in", values: ["north", "west"] };

const cases: [string, { version?: string; labels?: LabelTest[] }, Offer[]][] = [
  ["", { version: ">=4.2 <5", labels: [north] }, [offer("5.1"), offer("4.3", { site: "west" })]],
  ["no machine in pool ward offers ehr", { version: ">=4.2" }, []],
  ["no machine in pool ward offers ehr", {}, [{ applications: [], labels: {} }]],
  ["no machine in pool ward offers ehr in a version >=4.2 <5", { version: ">=4.2 <5" }, [offer("5.1"), offer("4.1")]],
  [
    "no machine in pool ward that offers ehr has the label site = north or west",
    { labels: [north] },
    [offer("1", { site: "east" })],
  ],
  [
    "no machine in pool ward that offers ehr in a version >=4 <5 has a label gpu and no label old",
    { version: ">=4 <5", labels: [{ label: "gpu", is: "present" }, north, { label: "old", is: "absent" }] },
    [offer("4.1", { site: "north", old: "" }), offer("5", { gpu: "a" })],
  ],
  [
    "no machine in pool ward that offers ehr has the label site other than north and west",
    { labels: [{ label: "site", is: "not", values: ["north", "west"] }] },
    [offer("1", { site: "west" })],
  ],
  [
    "no machine in pool ward that offers ehr has the label site = north or west and a label gpu",
    { labels: [north, { label: "gpu", is: "present" }] },
    [offer("1", { site: "west" }), offer("1", { gpu: "a" })],
  ],
];

for (const [said, { version, labels = [] }, offers] of cases) {
  test(`${said === "" ? "nothing when one machine has it all" : said}`, () => {
    const requirement = { application: "ehr", labels, ...(version === undefined ? {} : { version }) };
    assert.equal(unmet(requirement, "ward", offers), said);
  });
}
