// Routes, pauses and limits: what placing knows of waiting runs besides their order.

import type { Offer, Requirement } from "./matching.ts";
import type { OfferId, RouteId } from "./names.ts";

/** What can be paused: nothing that it covers begins, what is under way goes on. */
export const pauseKinds = ["workflow", "application", "pool"] as const;
export type PauseKind = (typeof pauseKinds)[number];

/** What can be limited: how many runs of it are under way at the same time. */
export const limitKinds = ["workflow", "application"] as const;
export type LimitKind = (typeof limitKinds)[number];

/** Runs of one workflow and one caller, which need the same. */
export interface Route {
  readonly id: RouteId;
  readonly workflow: string;
  /** The owner of the key that started them. */
  readonly caller: string;
  readonly requirement: Requirement;
}

export type OfferBody = Offer;

/** What some of the machines offer. */
export interface KnownOffer extends Offer {
  readonly id: OfferId;
}

export interface Limit {
  readonly kind: LimitKind;
  readonly name: string;
  /** How many more may begin; below 0 when it was lowered. */
  readonly left: number;
}
