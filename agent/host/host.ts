// What differs between operating systems, the desktop apart: clocks, the proof that an agent is alone, which boot this is,
// how the machine's key is kept, and how programs are started and ended. `this-host.ts` says which one this is.

import type { ChildProcess } from "node:child_process";
import type { Readable } from "node:stream";

export interface Host {
  /** Opens the clocks; throws where there is none that counts suspended time, because a wrong clock is worse than none. */
  clock(): AgentClock;
  /** Opens the lock that proves that no earlier incarnation lives. */
  lock(): TryLock;
  /** The same for all agents that can have met each other's living processes; another one after a boot. */
  bootId(): string;
  /** The name and version of the operating system, for people. */
  operatingSystem(): string;
  readonly keyProtection: KeyProtection;
  /** What a path would have to be for `exec` to start it as it is, without a shell; `undefined` when it is that. */
  refusedProgram(path: string): string | undefined;
  /** For programs that `exec` starts. `told` hears of every group that begins and ends. */
  processGroups(told?: GroupListener, display?: string): ProcessGroups;
  /** Ends what the programs of a dead agent process left behind: the groups it told of, and what began in its last moment. */
  endLeftBehind(groups: Iterable<number>, life: string): void;
  /** Lets go of the console that this process was started with; without other users its window goes. */
  leaveConsole(): void;
  /** Asks an agent process that was started with an IPC channel to say goodbye and to end, as the signal asked this one. */
  askToStop(agent: ChildProcess, signal: "SIGTERM" | "SIGINT"): void;
}

/** One look at all clocks, in milliseconds. Each counts from a point of its own. */
export interface ClockReading {
  /** Counts suspended time; the only one that decides. */
  readonly bootMs: number;
  /** Stands still while the machine is suspended. */
  readonly monotonicMs: number;
  /** The calendar; jumps when a paused guest is told the time again. */
  readonly wallMs: number;
}

/** The lease is measured on the first clock; the other two are there to be compared with it, because a machine that was
 * paused shows it in their disagreement. */
export interface AgentClock {
  read(): ClockReading;
}

/** Something that its process holds until it lets go or ends. */
export interface Held {
  release(): void;
}

/** Takes the lock of a state directory and of a machine. `undefined` when another process has either. */
export type TryLock = (stateDir: string, machineId: string) => Promise<Held | undefined>;

/** How the machine's key is kept in the state directory's file. */
export interface KeyProtection {
  /** Under which name the file has it, so that a key in clear is never taken for a protected one. */
  readonly field: "machineKey" | "protectedMachineKey";
  protect(key: string): string;
  /** `undefined` when it is damaged, or was protected by another user or on another machine. */
  reveal(kept: string): string | undefined;
  /** Would a file of this mode show the key to other users? */
  shownByMode(mode: number): boolean;
}

export interface StartedProgram {
  readonly pid: number;
  readonly stdout: Readable;
  /** Exit status; 128 + the signal's number is not used: a killed program has none. */
  readonly ended: Promise<number | undefined>;
}

/** Programs that `exec` started, each with all that it starts in turn. A group is named by its first program's pid. */
export interface ProcessGroups {
  /** Starts a program without a shell and without input. Rejects when it cannot be started. */
  start(path: string, programArguments: readonly string[]): Promise<StartedProgram>;
  /** Ends a group, its leader's children included. */
  end(pid: number): void;
  endAll(): void;
}

export type GroupListener = (pid: number, alive: boolean) => void;

/** In the agent's environment: which supervised life this is. */
export const LIFE_VARIABLE = "DROVER_LIFE";
