// What this machine is and has, as it says in `Hello`, and again when more of it is known.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { InventorySchema } from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import type { Desktop, DesktopTraits, Surface } from "./desktop/desktop.ts";
import { thisHost } from "./host/this-host.ts";

export interface Offer {
  readonly applications: readonly { readonly name: string; readonly version: string }[];
  readonly labels: Readonly<Record<string, string>>;
  readonly allowExec: ReadonlyMap<string, string>;
}

export type Inventory = MessageInitShape<typeof InventorySchema>;

/** What is known within `KNOWN_WITHIN_MS`, and the whole of it if that takes longer. */
export interface Taken {
  readonly now: Inventory;
  readonly later: Promise<Inventory> | undefined;
}

const KNOWN_WITHIN_MS = 2000;
const NO_SURFACE: Surface = { is: "absent", cause: "UNREACHABLE" };
const NO_TRAITS: DesktopTraits = { capture: "", dpi: 0, session: "", presence: false };

export async function takeInventory(desktop: Desktop, offer: Offer): Promise<Taken> {
  const surface = desktop.surface().catch(() => NO_SURFACE);
  const traits = desktop.traits().catch(() => NO_TRAITS);
  const [screen, kind] = await Promise.all([inTime(surface), inTime(traits)]);
  const now = inventoryOf(desktop, offer, screen ?? NO_SURFACE, kind ?? NO_TRAITS);
  if (screen !== undefined && kind !== undefined) return { now, later: undefined };
  const asked = Promise.all([surface, traits]);
  return { now, later: asked.then(([screen, kind]) => inventoryOf(desktop, offer, screen, kind)) };
}

function inventoryOf(desktop: Desktop, offer: Offer, surface: Surface, traits: DesktopTraits): Inventory {
  const { capture, dpi, session, presence } = traits;
  return {
    platform: desktop.platform,
    os: thisHost.operatingSystem(),
    screenWidth: surface.is === "present" ? surface.width : 0,
    screenHeight: surface.is === "present" ? surface.height : 0,
    applications: [...offer.applications],
    labels: { ...offer.labels },
    ...{ capture, dpi, session },
    capabilities: [
      ...["ocr", "clipboard"],
      ...(offer.allowExec.size > 0 ? ["exec"] : []),
      ...(presence ? ["presence"] : []),
    ],
  };
}

/** A desktop that is gone or hangs must not keep the agent from saying so: undefined if it has not answered by then. */
function inTime<T>(asked: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(late.resolve, KNOWN_WITHIN_MS, undefined);
  return Promise.race([asked, late.promise]).finally(() => clearTimeout(timer));
}
