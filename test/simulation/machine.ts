// A simulated machine: the product's whole agent on a simulated desktop, in a process that can be killed, paused and started
// again. What its desktop receives is told to the world's log with what the agent was told when it began.

import { tmpdir } from "node:os";
import { Readable } from "node:stream";
import { runAgent } from "../../agent/agent.ts";
import { serverAddress } from "../../agent/connection/server-address.ts";
import type { Desktop } from "../../agent/desktop/desktop.ts";
import { simulatedDesktop } from "../../agent/desktop/simulated.ts";
import { simulatedSight } from "../../agent/desktop/simulated-sight.ts";
import { type SimulatedWindow, SimulatedWorld } from "../../agent/desktop/simulated-world.ts";
import type { ProcessGroups } from "../../agent/host/host.ts";
import type { AttachResponse } from "../../proto/gen/drover/agent/v1/channel_pb.ts";
import type { Chance } from "./chance.ts";
import { type Ledger, ledger, ledgerProcess } from "./ledger.ts";
import type { Network } from "./network.ts";
import { type Pause, SimulatedProcess } from "./process.ts";
import type { Entry, Offer } from "./record.ts";
import { here, type Place, type Schedule } from "./schedule.ts";
import { journal } from "./workflows.ts";

export interface MachineOptions {
  readonly name: string;
  readonly id: string;
  readonly key: string;
  readonly schedule: Schedule;
  readonly chance: Chance;
  readonly network: Network;
  readonly offer: Offer;
  /** The orders that are in the books, of all machines. */
  readonly books: Set<string>;
  /** Where replicas are, as URLs. */
  readonly servers: readonly string[];
  readonly log: (entry: Entry) => void;
}

/** What the agent that acts now was told last before it began to. */
function toldHere(): { readonly attempt: string; readonly epoch: number; readonly command: number } {
  const cause = here.getStore()?.cause as AttachResponse | undefined;
  if (cause?.message.case !== "assignment") return { attempt: "", epoch: 0, command: 0 };
  const { lease, epoch, command } = cause.message.value;
  return { attempt: lease?.attemptId ?? "", epoch: Number(epoch), command: command?.number ?? 0 };
}

export class SimulatedMachine {
  readonly id: string;
  readonly name: string;
  readonly world: SimulatedWorld;
  readonly #options: MachineOptions;
  readonly #ledger: Ledger;
  /** The orders that were entered on this machine. */
  readonly #journal = new Set<string>();
  #boot = 1;
  #applications: SimulatedProcess;
  #process: SimulatedProcess | undefined;
  #lockedBy: SimulatedProcess | undefined;
  #attached = false;
  /** Keys that wait in frozen windows, and what they were sent because of. */
  readonly #waiting = new Map<string, { readonly key: string; readonly place: Place | undefined }[]>();
  /** When a person moves the mouse last, as far as is known yet. */
  #personUntil = Number.NEGATIVE_INFINITY;
  #offer: Offer;
  #poisonedUntil = Number.NEGATIVE_INFINITY;
  lastInputAt = Number.NEGATIVE_INFINITY;
  /** When the key to enter an order arrived last. */
  lastCommitAt = Number.NEGATIVE_INFINITY;

  constructor(options: MachineOptions) {
    const { id, name, schedule, chance, network, log, books } = options;
    this.#options = options;
    [this.id, this.name, this.#offer] = [id, name, options.offer];
    this.#applications = new SimulatedProcess(`${name}'s applications`, schedule);
    this.#ledger = ledger(chance, {
      later: (delayMs, work) => schedule.in({ process: this.#applications }, delayMs, work, "timer"),
      attempt: () => toldHere().attempt,
      isEntered: (order) => books.has(order),
      isPoisoned: () => this.#poisonedUntil > schedule.now,
      pressed: (order) => {
        const { attempt } = toldHere();
        this.lastCommitAt = schedule.now;
        return () => {
          books.add(order);
          this.#journal.add(order);
          log({ at: schedule.now, is: "commit", machine: name, attempt, order });
        };
      },
    });
    this.world = new SimulatedWorld({
      machine: name,
      applications: [this.#ledger.application],
      inputLatencyMs: chance.happens(0.3) ? chance.between(150, 400) : chance.between(5, 30),
      now: () => schedule.now,
      log: ({ receiver, key }) => {
        this.lastInputAt = schedule.now;
        const open = this.#ledger.shownBy(this.world.active);
        const { active } = this.world;
        if (active?.frozen) {
          const waiting = this.#waiting.get(active.id) ?? [];
          this.#waiting.set(active.id, [...waiting, { key, place: here.getStore() }]);
        }
        const halted = network.lineOf(name).assignment?.halted === true;
        log({ at: schedule.now, is: "input", machine: name, ...toldHere(), receiver, key, open, halted });
      },
    });
  }

  get process(): SimulatedProcess | undefined {
    return this.#process?.isDead === false ? this.#process : undefined;
  }

  /** Starts the agent, when the machine does not stand still; nothing when it runs. */
  start(): void {
    const { name, id, key, schedule, chance, network, servers, log } = this.#options;
    const { resumesAt } = this.#applications;
    if (resumesAt !== undefined) schedule.in(undefined, resumesAt - schedule.now, () => this.start());
    if (this.process !== undefined || resumesAt !== undefined) return;
    const process = new SimulatedProcess(name, schedule, `${name} boot ${this.#boot}`);
    this.#process = process;
    log({ at: schedule.now, is: "offered", machine: name, ...this.#offer });
    const [server, ...others] = servers.map((url) => serverAddress(url, { insecure: true }));
    if (server === undefined) throw new Error("there are no servers");
    process.run(() => {
      const agent = runAgent({
        ...{ server, others, stateDir: tmpdir(), desktop: this.#desktop() },
        // Most frames come to nothing: pictures are not what is tried here, and they cost.
        sight: {
          ...simulatedSight(),
          encode: async () => ({ contentType: "image/png", bytes: this.#picture(chance) }),
        },
        log: {
          info: (message) => message === "attached" && this.#tell(process, true),
          warn: (message) => message === "the stream ended" && this.#tell(process, false),
          error() {},
        },
        identity: { machineId: id, machineKey: key },
        lock: async () => {
          if (this.#lockedBy !== undefined && !this.#lockedBy.isDead) return undefined;
          this.#lockedBy = process;
          return { release: () => (this.#lockedBy = undefined) };
        },
        random: () => chance.next(),
        applications: [{ name: "ledger", version: this.#offer.version }],
        labels: { site: this.#offer.site },
        allowExec: new Map([[journal, journal]]),
        groups: this.#programs(process),
      });
      agent.done.then(
        () => this.#ended(process),
        (error) => (schedule.failure ??= error),
      );
    });
    network.lineOf(name);
  }

  /** A person moves the mouse for a while, and may press something. */
  person(durationMs: number, presses: boolean): void {
    const { schedule } = this.#options;
    this.#personUntil = Math.max(this.#personUntil, schedule.now + durationMs);
    if (presses) this.world.personPresses++;
  }

  /** The application is of another version when the agent begins again. */
  update(): void {
    this.#offer = { ...this.#offer, version: this.#offer.version === "1.4" ? "2.1" : "1.4" };
  }

  /** Nothing that is written comes out right for a while. */
  poison(durationMs: number): void {
    const { schedule, log } = this.#options;
    this.#poisonedUntil = schedule.now + durationMs;
    log({ at: schedule.now, is: "poisoned", machine: this.name, until: this.#poisonedUntil });
  }

  #desktop(): Desktop {
    const { schedule } = this.#options;
    const foreignInputMsAgo = () => {
      const msAgo = schedule.now - this.#personUntil;
      return msAgo === Number.POSITIVE_INFINITY ? undefined : Math.max(0, msAgo);
    };
    return Object.assign(simulatedDesktop(this.world), { foreignInputMsAgo });
  }

  /** The agent stands still, or the whole machine. */
  pause(how: Pause, durationMs: number): void {
    this.process?.pause(how, durationMs);
    if (how !== "stopped") this.#applications.pause(how, durationMs);
  }

  /** The active window's application answers nothing for a while. What it is sent meanwhile, it finds when it does again. */
  freeze(durationMs: number): void {
    const { schedule } = this.#options;
    const window = this.world.active;
    if (window === undefined || window.frozen) return;
    window.frozen = true;
    schedule.in(undefined, durationMs, () => {
      window.frozen = false;
      const waiting = this.#waiting.get(window.id) ?? [];
      this.#waiting.delete(window.id);
      for (const { key, place } of waiting) {
        if (this.world.windows.includes(window)) here.run(place, () => this.#key(window, key));
      }
    });
  }

  #key(window: SimulatedWindow, key: string): void {
    if (window.process === ledgerProcess) this.#ledger.application.key?.(this.world, window, key);
  }

  /** The agent's process ends at once; the system closes its sockets. */
  kill(): void {
    const { process } = this;
    if (process === undefined) return;
    process.kill();
    this.#options.network.died(process, "closing");
    this.#tell(process, false);
  }

  /** The whole machine goes dark, its applications with it; the next start is another boot. */
  crash(): void {
    const { process } = this;
    this.#boot++;
    this.world.kill(ledgerProcess);
    this.#applications.kill();
    this.#applications = new SimulatedProcess(this.#applications.name, this.#options.schedule);
    if (process === undefined) return;
    process.kill();
    this.#options.network.died(process, "silently");
    this.#tell(process, false);
  }

  #ended(process: SimulatedProcess): void {
    process.kill();
    this.#options.network.died(process, "closing");
  }

  #tell(process: SimulatedProcess, attached: boolean): void {
    if (process !== this.#process || attached === this.#attached) return;
    this.#attached = attached;
    const { schedule, log } = this.#options;
    log({ at: schedule.now, is: attached ? "attached" : "detached", machine: this.name });
  }

  /** The one program that may be started tells by its exit status whether an order was entered here; now and then it fails. */
  #programs(process: SimulatedProcess): ProcessGroups {
    const { schedule, chance } = this.#options;
    const endings = new Map<number, (status?: number) => void>();
    let pids = 0;
    const end = (pid: number) => endings.get(pid)?.();
    return {
      start: async (_, [order = ""]) => {
        const pid = ++pids;
        const ended = new Promise<number | undefined>((resolve) => {
          endings.set(pid, resolve);
          schedule.in({ process }, chance.mostlyShort(20, 2_000), () => {
            const status = this.#journal.has(order) ? 0 : 1;
            resolve(chance.happens(0.05) ? 2 : status);
          });
        });
        return { pid, stdout: Readable.from([]), ended: ended.finally(() => endings.delete(pid)) };
      },
      end,
      endAll: () => [...endings.keys()].forEach(end),
    };
  }

  #picture(chance: Chance): Uint8Array {
    return new Uint8Array(chance.happens(0.05) ? 100 : 0);
  }
}
