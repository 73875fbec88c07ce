// A diagnosis as it is shown: lines of at most 80 columns for people, or one JSON document.

import { CHECKS, type Finding } from "./finding.ts";

const COLUMNS = 80;
const LEVEL = 9;
const NAME = Math.max(...CHECKS.map((check) => check.length)) + 2;

/** `fault    capture         what was found`, and below it the remedy. */
export function findingLines(finding: Finding): string {
  const head = finding.is.padEnd(LEVEL) + finding.check.padEnd(NAME);
  const lines = wrapped(finding.found, COLUMNS - head.length);
  const remedy = "remedy" in finding ? wrapped(finding.remedy, COLUMNS - head.length - 3) : [];
  const indent = " ".repeat(head.length);
  return [
    ...lines.map((line, index) => (index === 0 ? head : indent) + line),
    ...remedy.map((line, index) => `${indent}${index === 0 ? "-> " : "   "}${line}`),
  ].join("\n");
}

/** Breaks between words; a word that is too long stands alone and whole. */
function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columns) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

export function summaryLine(findings: readonly Finding[]): string {
  const [faults, warnings] = [countOf(findings, "fault"), countOf(findings, "warning")];
  if (faults + warnings === 0) return "No fault.";
  return `${counted(faults, "fault")}, ${counted(warnings, "warning")}.`;
}

const counted = (count: number, what: string) => `${count === 0 ? "no" : count} ${what}${count === 1 ? "" : "s"}`;

const countOf = (findings: readonly Finding[], is: Finding["is"]) => findings.filter((each) => each.is === is).length;

/** The document's shape is told in docs/agent.md. */
export function reportDocument(findings: readonly Finding[], about: { version: string; system: string }) {
  return { ...about, faults: countOf(findings, "fault"), warnings: countOf(findings, "warning"), findings };
}
