// Routes and offers by id, kept in memory: they never change. What the machines of a pool offer does, and is asked for at each
// start: that is kept for a second.

import type { OfferId, PoolId, RouteId, TenantId } from "../rules/names.ts";
import type { KnownOffer } from "../rules/route.ts";
import type { Query, Sql } from "../store/database.ts";
import { offerIdsIn, readOffers } from "../store/offers.ts";
import { keepRoute, type RouteWanted, routeDigest } from "../store/routes.ts";

export interface Catalogue {
  /** The id of the route that says this. Not inside a transaction: it would be remembered though it was rolled back. */
  route(sql: Sql, tenantId: TenantId, wanted: RouteWanted): Promise<RouteId>;
  offers(query: Query, ids: Iterable<OfferId>): Promise<KnownOffer[]>;
  /** What the machines of the pool offer that are not revoked, as of at most `poolOffersMs` ago. */
  poolOffers(sql: Sql, poolId: PoolId): Promise<readonly KnownOffer[]>;
}

/** So long a machine that joins a pool, or leaves it, may be unknown to those who start runs. Placing does not ask here. */
const poolOffersMs = 1_000;

/** Entries of each kind that are held; then all are forgotten. Bounds memory, not what can be asked for. */
const entriesMax = 10_000;

export function createCatalogue(): Catalogue {
  const routes = new Map<string, RouteId>();
  const offers = new Map<OfferId, KnownOffer>();
  const pools = new Map<PoolId, { readonly readAt: number; readonly offers: Promise<readonly KnownOffer[]> }>();
  const self: Catalogue = {
    async route(sql, tenantId, wanted) {
      const key = `${tenantId} ${routeDigest(wanted)}`;
      const known = routes.get(key);
      if (known !== undefined) return known;
      const id = await keepRoute(sql, tenantId, wanted);
      if (routes.size >= entriesMax) routes.clear();
      routes.set(key, id);
      return id;
    },
    async offers(query, ids) {
      const asked = [...new Set(ids)];
      const missing = asked.filter((id) => !offers.has(id));
      if (offers.size + missing.length > entriesMax) offers.clear();
      const unknown = asked.filter((id) => !offers.has(id));
      if (unknown.length > 0) for (const offer of await readOffers(query, unknown)) offers.set(offer.id, offer);
      return asked.flatMap((id) => offers.get(id) ?? []);
    },
    async poolOffers(sql, poolId) {
      const readAt = performance.now();
      const known = pools.get(poolId);
      if (known !== undefined && readAt - known.readAt < poolOffersMs) return await known.offers;
      const read = offerIdsIn(sql, poolId).then((ids) => self.offers(sql, ids));
      if (pools.size >= entriesMax) pools.clear();
      pools.set(poolId, { readAt, offers: read });
      // Not remembered when it could not be read.
      read.catch(() => pools.delete(poolId));
      return await read;
    },
  };
  return self;
}
