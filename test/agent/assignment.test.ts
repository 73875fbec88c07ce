import assert from "node:assert/strict";
import { test } from "node:test";
import { decide, ended, type Held, type Order, type Wanted } from "../../agent/assignment.ts";

const nothing: Held = { epoch: 5n, attempt: undefined };
const busy: Held = { epoch: 5n, attempt: { attemptId: "a", lastNumber: 3, inHand: true } };
const done: Held = ended(busy);

const wants = (more: Partial<Wanted>): Wanted => ({
  ...{ epoch: 5n, attemptId: "a", abandon: false, commandNumber: undefined },
  ...more,
});

interface Case {
  readonly says: string;
  readonly held: Held;
  readonly wanted: Wanted;
  readonly orders: readonly Order[] | "stale";
  /** The command number known afterwards. */
  readonly last?: number;
}

const forget: Order = { order: "forget" };
const abandon: Order = { order: "abandon" };
const start = (number: number): Order => ({ order: "start", number });
const resend = (number: number): Order => ({ order: "resend", number });
const refuse = (number: number): Order => ({ order: "refuse", number });
const cancel = (number: number): Order => ({ order: "cancel-unstarted", number });

const table: readonly Case[] = [
  { says: "an older epoch is ignored", held: busy, wanted: wants({ epoch: 4n, commandNumber: 4 }), orders: "stale" },
  {
    says: "an older epoch without a lease is ignored",
    held: busy,
    wanted: wants({ epoch: 4n, attemptId: undefined }),
    orders: "stale",
  },
  {
    says: "no lease means nothing when nothing is held",
    held: nothing,
    wanted: wants({ attemptId: undefined }),
    orders: [],
  },
  { says: "no lease forgets the attempt", held: busy, wanted: wants({ attemptId: undefined }), orders: [forget] },
  {
    says: "a first attempt begins with command 1",
    held: nothing,
    wanted: wants({ commandNumber: 1 }),
    orders: [start(1)],
    last: 1,
  },
  { says: "a first attempt may have no command yet", held: nothing, wanted: wants({}), orders: [], last: 0 },
  {
    says: "a first attempt with a later command is a gap",
    held: nothing,
    wanted: wants({ commandNumber: 2 }),
    orders: [refuse(2)],
    last: 0,
  },
  {
    says: "another attempt forgets the one in hand and begins",
    held: busy,
    wanted: wants({ attemptId: "b", commandNumber: 1 }),
    orders: [forget, start(1)],
    last: 1,
  },
  {
    says: "another attempt with a later command is a gap",
    held: busy,
    wanted: wants({ attemptId: "b", commandNumber: 4 }),
    orders: [forget, refuse(4)],
    last: 0,
  },
  {
    says: "the command in hand, said again, changes nothing",
    held: busy,
    wanted: wants({ commandNumber: 3 }),
    orders: [],
    last: 3,
  },
  {
    says: "the command in hand under a higher epoch goes on",
    held: busy,
    wanted: wants({ epoch: 6n, commandNumber: 3 }),
    orders: [],
    last: 3,
  },
  {
    says: "the command in hand is abandoned",
    held: busy,
    wanted: wants({ commandNumber: 3, abandon: true }),
    orders: [abandon],
    last: 3,
  },
  {
    says: "the command in hand is abandoned without being named",
    held: busy,
    wanted: wants({ abandon: true }),
    orders: [abandon],
    last: 3,
  },
  {
    says: "a command that is done is answered from the outbox",
    held: done,
    wanted: wants({ commandNumber: 3 }),
    orders: [resend(3)],
    last: 3,
  },
  {
    says: "a command that is done cannot be abandoned any more",
    held: done,
    wanted: wants({ commandNumber: 3, abandon: true }),
    orders: [resend(3)],
    last: 3,
  },
  {
    says: "an older command is answered from the outbox",
    held: busy,
    wanted: wants({ commandNumber: 2 }),
    orders: [resend(2)],
    last: 3,
  },
  { says: "the next command starts", held: done, wanted: wants({ commandNumber: 4 }), orders: [start(4)], last: 4 },
  {
    says: "the next command waits for no other: it is refused while one is in hand",
    held: busy,
    wanted: wants({ commandNumber: 4 }),
    orders: [refuse(4)],
    last: 3,
  },
  { says: "a gap is refused", held: done, wanted: wants({ commandNumber: 5 }), orders: [refuse(5)], last: 3 },
  {
    says: "a command abandoned before it arrived is never begun",
    held: done,
    wanted: wants({ commandNumber: 4, abandon: true }),
    orders: [cancel(4)],
    last: 4,
  },
  { says: "between commands nothing is to do", held: done, wanted: wants({}), orders: [], last: 3 },
];

for (const { says, held, wanted, orders, last } of table) {
  test(says, () => {
    const decision = decide(held, wanted);
    if (orders === "stale") return assert.equal(decision.is, "stale");
    assert.ok(decision.is === "current");
    assert.deepEqual(decision.orders, orders);
    assert.equal(decision.held.epoch, wanted.epoch);
    assert.equal(decision.held.attempt?.attemptId, wanted.attemptId);
    assert.equal(decision.held.attempt?.lastNumber, last);
  });
}

test("the epoch never falls and no number is started twice, whatever arrives in whatever order", () => {
  let seed = 7;
  const draw = (below: number) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return Math.floor((seed / 2147483648) * below);
  };
  let held: Held = { epoch: 0n, attempt: undefined };
  let started = new Set<number>();
  for (let message = 0; message < 20_000; message++) {
    const before = held;
    const attemptId = draw(8) === 0 ? undefined : "a";
    const wanted = wants({ epoch: BigInt(draw(40)), attemptId, commandNumber: draw(6), abandon: draw(5) === 0 });
    const decision = decide(held, wanted);
    if (decision.is === "stale") continue;
    held = decision.held;
    assert.ok(held.epoch >= before.epoch);
    if (decision.orders.some(({ order }) => order === "forget")) started = new Set();
    for (const order of decision.orders) {
      if (order.order !== "start") continue;
      assert.ok(!started.has(order.number), "a command was started again");
      started.add(order.number);
    }
    if (draw(2) === 0) held = ended(held);
  }
});
