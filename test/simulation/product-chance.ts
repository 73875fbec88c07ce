// What product code has instead of random ids and bytes in a simulation: those of the seed. Ids matter: they are the order of
// the queue, of locks and of ties.

import { createHash } from "node:crypto";
import { Chance } from "./chance.ts";
import { here } from "./schedule.ts";

let chance = new Chance("none");
let last = 0;

/** To be called at the beginning of each simulation. */
export function seedProduct(from: Chance): void {
  chance = from;
  last = 0;
}

const hex = (count: number) => Buffer.from(chance.bytes(count)).toString("hex");

/** Version 4. */
export function randomUUID(): string {
  return `${hex(4)}-${hex(2)}-4${hex(2).slice(1)}-a${hex(2).slice(1)}-${hex(6)}`;
}

export const randomBytes = (count: number): Buffer => Buffer.from(chance.bytes(count));

/** Version 7: later ids are greater, also within a millisecond. */
export function v7(): string {
  const wallMs = here.getStore()?.process.read().wallMs ?? 0;
  last = Math.max(last + 1, wallMs * 4096);
  const [ms, count] = [Math.floor(last / 4096), last % 4096];
  const time = ms.toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${count.toString(16).padStart(3, "0")}-a${hex(2).slice(1)}-${hex(6)}`;
}

export const validate = (text: unknown): boolean =>
  typeof text === "string" && /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i.test(text);

/** A short name for many things. */
export const digestOf = (text: string): string => createHash("sha256").update(text).digest("hex");

/** The global of the same name. */
export const crypto = { randomUUID };
