// What product code has instead of `node:crypto` in a simulation: all of it, with the seed's randomness.

export * from "node:crypto";
export { randomBytes, randomUUID } from "./product-chance.ts";
