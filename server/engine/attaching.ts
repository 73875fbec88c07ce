// Agents come and go (G1): who is let in, what becomes of the attempt that a machine was working on, and silence.

import { advanceLease, isOverdue } from "../rules/lease.ts";
import { redialGraceMs } from "../rules/limits.ts";
import {
  type Admission,
  admit,
  type Incarnation,
  type Inventory,
  type TakenInventory,
  takeoverAt,
} from "../rules/machine.ts";
import { advanceMachine, type MachineHappening, type MachineState } from "../rules/machine-life.ts";
import type { Instant, MachineId } from "../rules/names.ts";
import type { ReleaseReport } from "../rules/release.ts";
import { afterCommit } from "../store/after-commit.ts";
import { readNow, type Tx } from "../store/database.ts";
import { keepInventory } from "../store/inventories.ts";
import {
  endLease,
  type LiveLease,
  leaseOf,
  lockMachine,
  type MachineRow,
  machineState,
  nextEpoch,
  readLiveLease,
  saveAttached,
  saveInventory,
  saveStatus,
} from "../store/machines.ts";
import { isLive, readResumedAt } from "../store/replicas.ts";
import { countStart, endGrant } from "../store/rollouts.ts";
import { topics } from "../store/wakeup.ts";
import { applyHappening, hold } from "./changing.ts";
import type { EngineContext } from "./context.ts";

export type Attached =
  | { readonly is: "admitted"; readonly sessionId: string }
  | Exclude<Admission, { readonly is: "admitted" }>;

/** A machine with its live lease, both under lock, after the run of that lease (lock order: runs, then machines). */
export interface HeldMachine {
  readonly machine: MachineRow;
  readonly lease: LiveLease | undefined;
  readonly held: Awaited<ReturnType<typeof hold>>;
}

/**
 * Holds a machine and the run that it is leased for, and does `work` in the same transaction; undefined when there is no
 * such machine. The lease is read before its run can be locked, and again after the machine is. If it changed, all locks
 * are let go before the next try: to lock a run while holding a machine would be against the order.
 */
export async function holdingMachine<T>(
  context: EngineContext,
  id: MachineId,
  work: (tx: Tx, found: HeldMachine) => Promise<T>,
): Promise<T | undefined> {
  for (;;) {
    const done = await context.database.sql.begin(async (tx) => {
      const first = await readLiveLease(tx, id);
      const upkeepId = first?.purpose === "upkeep" ? (first.attemptId ?? undefined) : undefined;
      const held = first?.runId == null ? undefined : await hold(tx, first.runId, upkeepId);
      const machine = await lockMachine(tx, id);
      if (machine === undefined) return { value: undefined };
      const lease = await readLiveLease(tx, id);
      return lease?.id === first?.id ? { value: await work(tx, { machine, lease, held }) } : undefined;
    });
    if (done !== undefined) return done.value as T | undefined;
  }
}

/**
 * What `happening` makes of the machine's lease and of the attempt under it, saved. Returns the machine's own state from then
 * on, which is to be saved with the rest of what became of it, and the topics to wake; undefined when nothing changed.
 */
async function applyToMachine(
  context: EngineContext,
  tx: Tx,
  { machine, lease, held }: HeldMachine,
  happening: MachineHappening,
  now: Instant,
): Promise<{ readonly state: MachineState; readonly woken: string[] } | undefined> {
  const { id } = machine;
  const change = advanceMachine({ state: machineState(machine), lease: lease && leaseOf(lease) }, happening, now);
  if (change === undefined) return undefined;
  const woken = [topics.machine(id)];
  if (change.attempt !== undefined && held !== undefined) {
    woken.push(...((await applyHappening(context, tx, held, change.attempt)) ?? []));
  }
  // The attempt's own end may have ended it already.
  if (change.lease === "end" && lease !== undefined) {
    await endLease(tx, id, lease.id, now);
    woken.push(topics.placing);
  }
  if (change.lease === "renew" || change.lease === "fence") {
    await nextEpoch(tx, id, change.lease === "renew" ? lease?.id : undefined);
  }
  return { state: change.state, woken };
}

/** An agent said Hello. On `admitted` the machine is attached to `sessionId` at this replica. */
export async function attach(
  context: EngineContext,
  id: MachineId,
  hello: {
    readonly incarnation: Incarnation;
    readonly inventory: Inventory;
    readonly failedRelease?: ReleaseReport | undefined;
  },
): Promise<Attached> {
  const sessionId = crypto.randomUUID();
  const woken: string[] = [];
  const found = await holdingMachine(context, id, async (tx, found): Promise<Attached> => {
    const { machine, lease } = found;
    const now = await readNow(tx);
    const decision = admit(
      {
        revoked: machine.revokedAt !== null,
        incarnation:
          machine.bootId === null || machine.startId === null
            ? undefined
            : { bootId: machine.bootId, startId: machine.startId, dialNumber: machine.dialNumber },
        beating: await isBeating(tx, machine, now),
        leased: lease !== undefined,
        leaseOverdue: lease !== undefined && isOverdue(leaseOf(lease), now),
      },
      hello.incarnation,
    );
    if (decision.is !== "admitted") return decision;
    const changed = await applyToMachine(context, tx, found, { is: "attached", holder: decision.holder }, now);
    if (changed === undefined) throw new Error(`an agent was let in, and machine ${id} is not attached`);
    woken.push(...changed.woken);
    const { incarnation, inventory, failedRelease } = hello;
    const restarted = machine.bootId !== incarnation.bootId || machine.startId !== incarnation.startId;
    if (restarted) {
      await endGrant(tx, id);
      await countStart(tx, id, { bootId: incarnation.bootId, agentVersion: inventory.agentVersion, now });
    }
    const { replicaId } = context;
    const { state } = changed;
    await saveAttached(tx, id, { state, incarnation, inventory, failedRelease, replicaId, sessionId, now });
    await keepInventory(tx, id);
    afterCommit(tx, () => context.meter.attached(machine.tenantId, restarted ? "started" : "again"));
    return { is: "admitted", sessionId };
  });
  const attached = found ?? { is: "revoked" };
  if (attached.is === "admitted") context.wakeup.publish([...woken, topics.machine(id), topics.placing]);
  return attached;
}

/** The agent of a session knows more of its machine than when it said Hello. */
export async function learn(
  context: EngineContext,
  id: MachineId,
  sessionId: string,
  inventory: TakenInventory,
): Promise<void> {
  await saveInventory(context.database.sql, id, sessionId, inventory);
  await keepInventory(context.database.sql, id);
  context.wakeup.publish([topics.placing]);
}

/** The stream before this one is open at a living replica and has not been found silent. */
async function isBeating(tx: Tx, machine: MachineRow, now: Instant): Promise<boolean> {
  if (machine.status !== "idle" && machine.status !== "busy") return false;
  return machine.replicaId !== null && (await isLive(tx, machine.replicaId, now));
}

/**
 * A session ended, or hears nothing: its machine was last heard `silentMs` ago. Its work is handed on at takeover unless
 * it comes back. `redials`: its agent has said that it injects nothing until it has another stream. Late news of an older
 * session changes nothing. (Its session, if it has one after all, is told, and ends.)
 */
export async function silent(
  context: EngineContext,
  id: MachineId,
  sessionId: string,
  silentMs: number | "redials",
): Promise<void> {
  const ms = silentMs === "redials" ? context.clocks.takeoverMs - redialGraceMs(context.clocks) : silentMs;
  await changeMachine(context, id, async (tx, { machine }, now) =>
    machine.sessionId === sessionId ? { is: "silent", takeoverAt: await takeoverOf(context, tx, now, ms) } : undefined,
  );
}

/** The lease on an attached machine is past its deadline: its agent neither finished nor let go (G6). */
export async function cutOff(context: EngineContext, id: MachineId): Promise<void> {
  await changeMachine(context, id, async (tx, _found, now) => ({
    is: "lease-overdue",
    takeoverAt: await takeoverOf(context, tx, now, 0),
  }));
}

/** A silent machine's time to come back is over: its work is handed on or ended. */
export async function takeOver(context: EngineContext, id: MachineId): Promise<void> {
  await changeMachine(context, id, async (tx) => ({
    is: "takeover-due",
    notBefore: (await readResumedAt(tx)) + context.clocks.takeoverMs,
  }));
}

/** A machine of a replica whose row has ended: it may come back until a takeover's time after that end. */
export async function orphan(context: EngineContext, id: MachineId, replicaEndedAt: Instant): Promise<void> {
  await changeMachine(context, id, async (tx, { machine: { replicaId } }, now) => {
    if (replicaId === null || (await isLive(tx, replicaId, now))) return undefined;
    return { is: "silent", takeoverAt: await takeoverOf(context, tx, now, now - replicaEndedAt) };
  });
}

const takeoverOf = async (context: EngineContext, tx: Tx, now: Instant, silentMs: number): Promise<Instant> =>
  takeoverAt(now, silentMs, await readResumedAt(tx), context.clocks);

/** Applies what `happens` says, in a transaction of its own. */
async function changeMachine(
  context: EngineContext,
  id: MachineId,
  happens: (tx: Tx, found: HeldMachine, now: Instant) => Promise<MachineHappening | undefined>,
): Promise<void> {
  const woken = await holdingMachine(context, id, async (tx, found) => {
    const now = await readNow(tx);
    const happening = await happens(tx, found, now);
    const changed = happening === undefined ? undefined : await applyToMachine(context, tx, found, happening, now);
    if (changed !== undefined) await saveStatus(tx, id, changed.state, now);
    return changed?.woken;
  });
  context.wakeup.publish(woken ?? []);
}

/** The agent acknowledged an assignment without a lease under this epoch: a lease that was being fenced ends. */
export async function fenced(context: EngineContext, id: MachineId, sessionId: string, epoch: number): Promise<void> {
  const ended = await context.database.sql.begin(async (tx) => {
    const machine = await lockMachine(tx, id);
    const lease = await readLiveLease(tx, id);
    if (machine?.sessionId !== sessionId || machine.epoch !== epoch || lease === undefined) return false;
    const now = await readNow(tx);
    if (advanceLease(leaseOf(lease), { is: "acknowledged", epoch }, now) !== "ended") return false;
    await endLease(tx, id, lease.id, now);
    return true;
  });
  if (ended) context.wakeup.publish([topics.placing]);
}
