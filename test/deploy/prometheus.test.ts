// The rules and the configuration for Prometheus, judged by promtool, and against what Drover tells and its documentation says.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { waitReasons } from "../../server/rules/wait-reason.ts";
import { promtool } from "../support/promtool.ts";

const root = join(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(join(root, file), "utf8");
const rulesFile = "deploy/prometheus/drover.rules.yml";
const docs = read("docs/metrics.md");
const { groups } = parse(read(rulesFile)) as { groups: { rules: { alert: string; expr: string }[] }[] };
const rules = groups.flatMap((group) => group.rules);

function passes(...args: readonly string[]): void {
  const { code, said } = promtool(args.map((arg) => (arg.endsWith(".yml") ? join(root, arg) : arg)));
  assert.equal(code, 0, said);
  assert.match(said, /SUCCESS/);
}

test("the rules and the configuration are good, and each alert is raised by what it is for and by nothing else", () => {
  passes("check", "rules", rulesFile);
  passes("check", "config", "--syntax-only", "deploy/prometheus/prometheus.yml");
  passes("test", "rules", "test/deploy/prometheus/drover.rules.test.yml");
  const tested = read("test/deploy/prometheus/drover.rules.test.yml");
  for (const { alert } of rules) {
    assert.match(tested, new RegExp(`alertname: ${alert}\\n *exp_alerts:`), `${alert} is never raised in a test`);
    assert.match(tested, new RegExp(`alertname: ${alert} \\}`), `${alert} is never silent in a test`);
  }
});

test("the rules ask for metrics and for reasons that there are", () => {
  const known = new Set([...docs.matchAll(/^\| `(drover_\w+)` \|/gm)].map(([, name]) => name));
  const words = new Set<string>([...waitReasons, "NONE"]);
  for (const { alert, expr } of rules) {
    for (const [name] of expr.matchAll(/\bdrover_\w+/g)) {
      assert.ok(known.has(name) || known.has(name.replace(/_(count|sum|bucket)$/, "")), `${alert}: ${name}`);
    }
    for (const [, among = ""] of expr.matchAll(/reason[=!]~?"([^"]*)"/g)) {
      for (const word of among.split("|")) assert.ok(words.has(word), `${alert}: ${word}`);
    }
  }
});

test("docs/metrics.md tells of every alert, and shows the configuration as it is", () => {
  const told = [...docs.matchAll(/^\| `(Drover\w+)` \|/gm)].map(([, name]) => name);
  assert.deepEqual(
    told,
    rules.map(({ alert }) => alert),
  );
  const shown = /^```yaml\n([\s\S]*?)^```/m.exec(docs)?.[1];
  assert.equal(shown, read("deploy/prometheus/prometheus.yml").replace(/^#.*\n/, ""));
});
