// `drover-agent doctor`: what works on this desktop. Two processes: the one that tells, and the one that looks.

import type { ServerAddress } from "../connection/server-address.ts";
import { AGENT_VERSION, thisProgram } from "../executable/program.ts";
import { textReadingFiles } from "../executable/text-reading.ts";
import { thisHost } from "../host/this-host.ts";
import type { DoctorSettings } from "../settings.ts";
import { checksOf, type SeenDesktop } from "./checks.ts";
import { examine } from "./examination.ts";
import { serveChecks } from "./examiner.ts";
import { findingLines, reportDocument, summaryLine } from "./report.ts";
import { platformFacts } from "./this-platform.ts";

/** Resolves with the exit code: 1 when there is a fault. */
export async function diagnose(args: readonly string[], { json }: DoctorSettings): Promise<number> {
  const about = { version: AGENT_VERSION, system: thisHost.operatingSystem() };
  const tell = (line: string) => process.stdout.write(`${line}\n`);
  if (!json) tell(`drover-agent ${about.version} on ${about.system}\n`);
  const findings = await examine([...thisProgram(), ...args, "--examiner"], (finding) => {
    if (!json) tell(findingLines(finding));
  });
  tell(json ? JSON.stringify(reportDocument(findings, about), undefined, 2) : `\n${summaryLine(findings)}`);
  return findings.some(({ is }) => is === "fault") ? 1 : 0;
}

/** The process that looks. */
export async function examineHere(
  settings: DoctorSettings,
  servers: readonly { readonly url: string; readonly address: ServerAddress }[],
  protocolVersion: number,
  openDesktop: () => Promise<SeenDesktop>,
): Promise<number> {
  const own = { facts: platformFacts, textReader: textReadingFiles() };
  await serveChecks(checksOf({ settings, servers, protocolVersion, openDesktop, ...own }));
  return 0;
}
