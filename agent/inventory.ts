// What this machine is and has, as it says in `Hello`.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { InventorySchema } from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import type { Desktop, Surface } from "./desktop/desktop.ts";
import { thisHost } from "./host/this-host.ts";

export interface Offer {
  readonly applications: readonly { readonly name: string; readonly version: string }[];
  readonly labels: Readonly<Record<string, string>>;
  readonly allowExec: ReadonlyMap<string, string>;
}

const SURFACE_WITHIN_MS = 2000;

export async function takeInventory(desktop: Desktop, offer: Offer): Promise<MessageInitShape<typeof InventorySchema>> {
  const surface = await surfaceOf(desktop);
  return {
    platform: desktop.platform,
    os: thisHost.operatingSystem(),
    screenWidth: surface.is === "present" ? surface.width : 0,
    screenHeight: surface.is === "present" ? surface.height : 0,
    applications: [...offer.applications],
    labels: { ...offer.labels },
    capabilities: ["ocr", "clipboard", ...(offer.allowExec.size > 0 ? ["exec"] : [])],
  };
}

/** A desktop that is gone or hangs must not keep the agent from saying so. */
function surfaceOf(desktop: Desktop): Promise<Surface> {
  const gone: Surface = { is: "absent", cause: "UNREACHABLE" };
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(gone), SURFACE_WITHIN_MS);
    desktop
      .surface()
      .then(resolve, () => resolve(gone))
      .finally(() => clearTimeout(timer));
  });
}
