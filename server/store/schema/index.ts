// All tables.
export * from "./definitions.ts";
export * from "./machines.ts";
export * from "./runs.ts";
export * from "./tenancy.ts";
