// A door that remembers in memory, and a port served over it. What it does not stub throws.

import { AssertionError } from "node:assert";
import { randomBytes, randomUUID } from "node:crypto";
import type { TestContext } from "node:test";
import type { AuditEntry } from "../../../server/api/audit.ts";
import type { Door, RunDoor } from "../../../server/api/door.ts";
import { hashOf, type Principal } from "../../../server/api/keyring.ts";
import { type Api, type ApiOptions, serveApi } from "../../../server/api/server.ts";
import type { EventBody } from "../../../server/rules/event.ts";
import type { KeyId, RunId, TenantId } from "../../../server/rules/names.ts";
import { accept, refuse } from "../../../server/rules/refusal.ts";
import type { RunEvent } from "../../../server/store/events.ts";
import type { RunDetail } from "../../../server/store/run-reads.ts";
import type { Scope } from "../../../server/store/schema/tenancy.ts";

/** Everything that is not given throws when it is called: a handler that asks for it is found out. */
export function stub<T extends object>(given: Partial<T>): T {
  return new Proxy(given as T, {
    get: (target, name) =>
      Reflect.get(target, name) ??
      (() => {
        throw new Error(`the stub has no ${String(name)}`);
      }),
  });
}

export interface StubWakeup {
  subscribe(topic: string, wake: () => void): () => void;
  publish(topic: string): void;
  count(topic: string): number;
}

export function stubWakeup(): StubWakeup {
  const subscribers = new Map<string, Set<() => void>>();
  return {
    subscribe(topic, wake) {
      const set = subscribers.get(topic) ?? new Set();
      subscribers.set(topic, set.add(wake));
      return () => set.delete(wake);
    },
    publish(topic) {
      for (const wake of [...(subscribers.get(topic) ?? [])]) wake();
    },
    count: (topic) => subscribers.get(topic)?.size ?? 0,
  };
}

export interface Stub {
  readonly api: Api;
  readonly wakeup: StubWakeup;
  readonly audited: AuditEntry[];
  readonly logged: string[];
  readonly runs: Map<RunId, { run: RunDetail; events: RunEvent[]; tenant: TenantId }>;
  serving: boolean;
  /** How often events were read. */
  reads: number;
  /** A key of this scope: its secret. */
  key(scope: Scope, tenant?: TenantId): string;
  revoke(secret: string): void;
  addRun(tenant?: TenantId): RunId;
  append(id: RunId, ...bodies: EventBody[]): void;
}

export const tenantA = "00000000-0000-7000-8000-00000000000a" as TenantId;
export const tenantB = "00000000-0000-7000-8000-00000000000b" as TenantId;

export async function serveStub(
  t: TestContext,
  given: Partial<Omit<ApiOptions, "door">> & { door?: Partial<Door> } = {},
) {
  const keys = new Map<string, Principal>();
  const runs: Stub["runs"] = new Map();
  const wakeup = stubWakeup();
  const audited: AuditEntry[] = [];
  const logged: string[] = [];
  const mine = (tenant: TenantId, id: RunId) => {
    const found = runs.get(id);
    return found?.tenant === tenant ? found : undefined;
  };
  const runDoor: RunDoor = stub<RunDoor>({
    readRun: async (tenant, id) => mine(tenant, id)?.run,
    readRunView: async (tenant, id) => mine(tenant, id)?.run,
    readAttempts: async () => [],
    readOutputs: async () => ({ title: "secret title" }),
    eventsAfter: async (tenant, id, after, limit) => {
      self.reads++;
      return mine(tenant, id)?.events.slice(after, after + limit) ?? [];
    },
    listRuns: async (tenant, _filter, before, limit) =>
      [...runs.values()]
        .filter((each) => each.tenant === tenant && (before === undefined || each.run.id < before))
        .map(({ run }) => run)
        .toSorted((a, b) => (a.id < b.id ? 1 : -1))
        .slice(0, limit),
    startRun: async (tenant, wanted) => {
      if (wanted.workflow !== "notes.save") return refuse("WORKFLOW_NOT_FOUND", `There is no ${wanted.workflow}.`);
      const { run } = runs.get(self.addRun(tenant)) as { run: RunDetail };
      return accept({ run, existed: false, unmet: "" });
    },
    startRuns: (tenant, wanted) => Promise.all(wanted.map((each) => runDoor.startRun(tenant, each))),
  });
  const self: Omit<Stub, "api"> = {
    wakeup,
    audited,
    logged,
    runs,
    serving: true,
    reads: 0,
    key(scope, tenant = tenantA) {
      const secret = `drover_key_${randomBytes(32).toString("base64url")}`;
      keys.set(hashOf(secret).toString("hex"), { tenant, keyId: randomUUID() as KeyId, scope, owner: "test" });
      return secret;
    },
    revoke(secret) {
      keys.delete(hashOf(secret).toString("hex"));
    },
    addRun(tenant = tenantA) {
      const id = `00000000-0000-7000-8000-${String(runs.size + 1).padStart(12, "0")}` as RunId;
      const run: RunDetail = {
        id,
        workflow: "notes.save",
        workflowVersion: 1,
        state: "queued",
        outcome: null,
        failure: null,
        commitLabel: null,
        lastEvent: 0,
        priority: 0,
        createdAt: Date.parse("2026-01-01T00:00:00Z"),
        startedAt: null,
        endedAt: null,
        notBeforeAt: null,
        caller: "test",
        front: 0,
        pool: "default",
        waitsSince: 0,
        resolution: null,
        inputs: { text: "private" },
        outputs: null,
      };
      runs.set(id, { run, events: [], tenant });
      self.append(id, { kind: "QUEUED" });
      return id;
    },
    append(id, ...bodies) {
      const kept = runs.get(id);
      if (kept === undefined) throw new Error("no such run");
      for (const body of bodies) kept.events.push({ number: kept.events.length + 1, at: 1, body });
      kept.run = { ...kept.run, lastEvent: kept.events.length };
      if (bodies.some(({ kind }) => kind === "ENDED")) kept.run = { ...kept.run, state: "ended", outcome: "SUCCEEDED" };
      wakeup.publish(`run:${id}`);
    },
  };
  const log = {
    error: (message: string, fields?: object) => void logged.push(JSON.stringify({ ...fields, message })),
  };
  const api = await serveApi({
    host: "127.0.0.1",
    port: 0,
    log,
    wakeup,
    audit: (entry) => void audited.push(entry),
    authenticate: async (hash) => keys.get(Buffer.from(hash).toString("hex")),
    isServing: () => self.serving,
    ...given,
    door: stub<Door>({ runs: runDoor, ...given.door }),
  });
  t.after(() => api.stop());
  return Object.assign(self, { api });
}

export const ended: EventBody = { kind: "ENDED", outcome: "SUCCEEDED", label: "AFTER_COMMIT" };

/** Waits until a number has stayed the same for a while. */
export async function untilSettled(what: string, read: () => number): Promise<void> {
  let [before, since] = [-1, 0];
  await until(what, () => {
    if (read() !== before) [before, since] = [read(), performance.now()];
    return before > 0 && performance.now() - since > 300;
  });
}

/** Waits for something to become true; fails with its name. */
export async function until(what: string, holds: () => boolean, withinMs = 30_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new AssertionError({ message: `not within ${withinMs} ms: ${what}` });
    await new Promise((next) => setTimeout(next, 10));
  }
}
