// The platforms that the agent is built for.

export const platforms = ["win32-x64", "linux-x64"] as const;
export type Platform = (typeof platforms)[number];

/** The executable's file name. */
export const fileNames: Readonly<Record<Platform, string>> = {
  "win32-x64": "drover-agent.exe",
  "linux-x64": "drover-agent",
};

/** Longest executable, with everything that it has inside. */
const bytesMax: Readonly<Record<Platform, number>> = {
  "win32-x64": 105_000_000,
  "linux-x64": 120_000_000,
};

/** What a person can put right: one clear line, and no stack. */
export class BuildRefused extends Error {
  override readonly name = "BuildRefused";
}

export function requireFits(platform: Platform, sizeBytes: number): void {
  if (sizeBytes <= bytesMax[platform]) return;
  throw new BuildRefused(`${fileNames[platform]} has ${sizeBytes} bytes, and ${bytesMax[platform]} are the limit`);
}
