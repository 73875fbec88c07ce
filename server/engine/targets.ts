// What operators name when they halt, pause or limit something: found under the id or name that it is stored under, or refused.

import type { TenantId } from "../rules/names.ts";
import { type Answer, accept, refuse } from "../rules/refusal.ts";
import type { Query } from "../store/database.ts";
import { latestApplication, latestWorkflow } from "../store/definitions.ts";
import { findPool } from "../store/pools.ts";

/** A workflow, an application or a pool, by its name. */
export interface Target<Kind extends "workflow" | "application" | "pool"> {
  readonly kind: Kind;
  readonly name: string;
}

/** The pool's id; the workflow's or the application's name. */
export async function findTarget(
  query: Query,
  tenantId: TenantId,
  { kind, name }: Target<"workflow" | "application" | "pool">,
): Promise<Answer<string>> {
  switch (kind) {
    case "workflow": {
      const found = await latestWorkflow(query, tenantId, name);
      return found === undefined ? refuse("WORKFLOW_NOT_FOUND", `There is no workflow ${name}.`) : accept(found.name);
    }
    case "application": {
      const found = await latestApplication(query, tenantId, name);
      return found === undefined
        ? refuse("APPLICATION_NOT_FOUND", `There is no application ${name}.`)
        : accept(found.name);
    }
    case "pool": {
      const found = await findPool(query, tenantId, name);
      return found === undefined ? refuse("POOL_NOT_FOUND", `There is no pool ${name}.`) : accept(found);
    }
  }
}
