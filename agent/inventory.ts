// What this machine is and has, as it says in `Hello`.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { InventorySchema } from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import type { Desktop, DesktopTraits, Surface } from "./desktop/desktop.ts";
import { thisHost } from "./host/this-host.ts";

export interface Offer {
  readonly applications: readonly { readonly name: string; readonly version: string }[];
  readonly labels: Readonly<Record<string, string>>;
  readonly allowExec: ReadonlyMap<string, string>;
}

/** What is not known by then is told with the next dial. */
const KNOWN_WITHIN_MS = 2000;

export async function takeInventory(desktop: Desktop, offer: Offer): Promise<MessageInitShape<typeof InventorySchema>> {
  const [surface, traits] = await Promise.all([
    inTime<Surface>(desktop.surface(), { is: "absent", cause: "UNREACHABLE" }),
    inTime<DesktopTraits>(desktop.traits(), { capture: "", dpi: 0, session: "" }),
  ]);
  return {
    platform: desktop.platform,
    os: thisHost.operatingSystem(),
    screenWidth: surface.is === "present" ? surface.width : 0,
    screenHeight: surface.is === "present" ? surface.height : 0,
    applications: [...offer.applications],
    labels: { ...offer.labels },
    ...traits,
    capabilities: ["ocr", "clipboard", ...(offer.allowExec.size > 0 ? ["exec"] : [])],
  };
}

/** A desktop that is gone or hangs must not keep the agent from saying so. */
function inTime<T>(asked: Promise<T>, otherwise: T): Promise<T> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(otherwise), KNOWN_WITHIN_MS);
    asked.then(resolve, () => resolve(otherwise)).finally(() => clearTimeout(timer));
  });
}
