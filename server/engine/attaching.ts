// Agents come and go (G1): who is let in, what becomes of the attempt that a machine was working on, and silence.

import type { Incarnation, Inventory, TakenInventory } from "../rules/machine.ts";
import { admit, takeoverAt } from "../rules/machine.ts";
import type { Instant, MachineId } from "../rules/names.ts";
import type { ReleaseReport } from "../rules/release.ts";
import { readNow, type Tx } from "../store/database.ts";
import {
  endLease,
  type LiveLease,
  lockMachine,
  type MachineRow,
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
  | { readonly is: "cloned" }
  | { readonly is: "held" }
  | { readonly is: "revoked" };

/** A machine with its live lease, both under lock, after the run of that lease (lock order: runs, then machines). */
interface HeldMachine {
  readonly machine: MachineRow;
  readonly lease: LiveLease | undefined;
  readonly held: Awaited<ReturnType<typeof hold>>;
}

/**
 * Holds a machine and the run that it is leased for, and does `work` in the same transaction; undefined when there is no
 * such machine. The lease is read before its run can be locked, and again after the machine is. If it changed, all locks
 * are let go before the next try: to lock a run while holding a machine would be against the order.
 */
async function holdingMachine<T>(
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
  const found = await holdingMachine(context, id, async (tx, { machine, lease, held }): Promise<Attached> => {
    if (machine.revokedAt !== null) return { is: "revoked" };
    const now = await readNow(tx);
    const decision = admit(
      {
        incarnation:
          machine.bootId === null || machine.startId === null
            ? undefined
            : { bootId: machine.bootId, startId: machine.startId, dialNumber: machine.dialNumber },
        beating: await isBeating(tx, machine, now),
        leased: lease !== undefined,
        leaseOverdue: lease !== undefined && lease.deadlineAt <= now,
      },
      hello.incarnation,
    );
    if (decision.is !== "admitted") return decision;
    if (decision.holder === "gone" && lease !== undefined) {
      // The lease may outlive its attempt (it was being fenced): then only the lease is left to end.
      if (held?.live === undefined || lease.attemptEnded) await endLease(tx, id, lease.id, now);
      else {
        const happening = { is: "holder-gone", why: "AGENT_RESTARTED" } as const;
        woken.push(...((await applyHappening(context, tx, held, happening)) ?? []));
      }
    }
    const back = decision.holder === "back" ? lease : undefined;
    if (back !== undefined && !back.attemptEnded && held !== undefined && machine.status === "reattaching") {
      woken.push(...((await applyHappening(context, tx, held, { is: "machine-back" })) ?? []));
    }
    // A lease that is being fenced keeps its lower epoch: that is how its end is told from its holder's return.
    const epoch = back === undefined ? machine.epoch : await nextEpoch(tx, id, back.attemptEnded ? undefined : back.id);
    const { incarnation, inventory, failedRelease } = hello;
    const restarted = machine.bootId !== incarnation.bootId || machine.startId !== incarnation.startId;
    if (restarted) {
      await endGrant(tx, id);
      await countStart(tx, id, { bootId: incarnation.bootId, agentVersion: inventory.agentVersion, now });
    }
    await saveAttached(tx, id, {
      status: back === undefined ? "idle" : "busy",
      epoch,
      incarnation,
      inventory,
      failedRelease,
      replicaId: context.replicaId,
      sessionId,
      now,
    });
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
  context.wakeup.publish([topics.placing]);
}

/** The stream before this one is open at a living replica and has not been found silent. */
async function isBeating(tx: Tx, machine: MachineRow, now: Instant): Promise<boolean> {
  if (machine.status !== "idle" && machine.status !== "busy") return false;
  return machine.replicaId !== null && (await isLive(tx, machine.replicaId, now));
}

/**
 * A session ended, or hears nothing: its machine was last heard `silentMs` ago. Its work is handed on at takeover unless
 * it comes back. Late news of an older session changes nothing.
 */
export async function silent(
  context: EngineContext,
  id: MachineId,
  sessionId: string,
  silentMs: number,
): Promise<void> {
  const woken = await holdingMachine(context, id, async (tx, found) =>
    found.machine.sessionId === sessionId ? await declareSilent(context, tx, found, await readNow(tx), silentMs) : [],
  );
  context.wakeup.publish(woken ?? []);
}

async function declareSilent(
  context: EngineContext,
  tx: Tx,
  { machine, lease, held }: HeldMachine,
  now: Instant,
  silentMs: number,
): Promise<string[]> {
  if (machine.status !== "idle" && machine.status !== "busy") return [];
  const at = takeoverAt(now, silentMs, await readResumedAt(tx), context.clocks);
  await saveStatus(tx, machine.id, { is: "reattaching", takeoverAt: at }, now);
  // Its session, if it has one after all, is told, and ends.
  const woken = [topics.machine(machine.id)];
  if (held === undefined || lease?.attemptEnded !== false) return woken;
  return [...woken, ...((await applyHappening(context, tx, held, { is: "machine-silent" })) ?? [])];
}

/**
 * The lease on an attached machine is past its deadline: its agent neither finished nor let go. It is heard no more, so
 * that its own clock stops it, and its machine is taken over (G6).
 */
export async function cutOff(context: EngineContext, id: MachineId): Promise<void> {
  const woken = await holdingMachine(context, id, async (tx, found) => {
    const now = await readNow(tx);
    const { lease } = found;
    const overdue = lease !== undefined && lease.deadlineAt <= now;
    // Under a lease without an attempt nothing is injected, so that nobody has to be waited for.
    if (overdue && lease.attemptId === null) {
      await endLease(tx, id, lease.id, now);
      return [topics.machine(id), topics.placing];
    }
    return overdue ? await declareSilent(context, tx, found, now, 0) : [];
  });
  context.wakeup.publish(woken ?? []);
}

/** A silent machine's time to come back is over: its work is handed on or ended. */
export async function takeOver(context: EngineContext, id: MachineId): Promise<void> {
  const woken = await holdingMachine(context, id, async (tx, { machine, lease, held }) => {
    if (machine.status !== "reattaching" || machine.takeoverAt === null) return [];
    const now = await readNow(tx);
    const earliest = (await readResumedAt(tx)) + context.clocks.takeoverMs;
    if (now < Math.max(machine.takeoverAt, earliest)) return [];
    const topicsWoken =
      held === undefined || lease?.attemptEnded !== false
        ? []
        : ((await applyHappening(context, tx, held, { is: "holder-gone", why: "MACHINE_LOST" })) ?? []);
    if (lease !== undefined) await endLease(tx, id, lease.id, now);
    await saveStatus(tx, id, { is: "offline" }, now);
    return [...topicsWoken, topics.machine(id)];
  });
  context.wakeup.publish(woken ?? []);
}

/** A machine of a replica whose row has ended: it may come back until a takeover's time after that end. */
export async function orphan(context: EngineContext, id: MachineId, replicaEndedAt: Instant): Promise<void> {
  const woken = await holdingMachine(context, id, async (tx, found) => {
    const now = await readNow(tx);
    const { replicaId } = found.machine;
    if (replicaId === null || (await isLive(tx, replicaId, now))) return [];
    return await declareSilent(context, tx, found, now, now - replicaEndedAt);
  });
  context.wakeup.publish(woken ?? []);
}

/** The agent acknowledged an assignment without a lease under this epoch: a lease that was being fenced ends. */
export async function fenced(context: EngineContext, id: MachineId, sessionId: string, epoch: number): Promise<void> {
  const ended = await context.database.sql.begin(async (tx) => {
    const machine = await lockMachine(tx, id);
    const lease = await readLiveLease(tx, id);
    if (machine?.sessionId !== sessionId || machine.epoch !== epoch) return false;
    if (lease === undefined || !lease.attemptEnded || lease.epoch >= epoch) return false;
    await endLease(tx, id, lease.id, await readNow(tx));
    return true;
  });
  if (ended) context.wakeup.publish([topics.placing]);
}
