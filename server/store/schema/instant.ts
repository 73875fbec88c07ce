// A column that holds an Instant: `timestamptz` in the database, milliseconds since 1970 in the program.

import { customType } from "drizzle-orm/pg-core";
import type { Instant } from "../../rules/names.ts";

export const instant = customType<{ data: Instant; driverData: number }>({
  dataType: () => "timestamp (3) with time zone",
});

export const bytes = customType<{ data: Uint8Array; driverData: Uint8Array }>({ dataType: () => "bytea" });

/** The id of a transaction, which does not wrap around. */
export const transactionId = customType<{ data: string; driverData: string }>({ dataType: () => "xid8" });
