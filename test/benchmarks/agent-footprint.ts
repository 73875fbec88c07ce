// What the agent costs on a machine, and how fast its hand is: `npm run bench:agent`.
//
//   node test/benchmarks/agent-footprint.ts [--agent PATH] [--idle SECONDS] [--clicks N] [--json]
//
// The agent is the executable at PATH (by default the Linux one that `npm run build:agent` made), on an X session of its
// own, told by a control plane that speaks the real protocol. All that the agent starts is counted as the agent's.
// "Injected" is the time from sending the command to the press, seen by another X client; "answered" until its result came.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { arch, cpus, release, tmpdir, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { openX11Desktop } from "../../agent/desktop/x11.ts";
import { startX11Session } from "../../agent/desktop/x11-session.ts";
import { saveIdentity } from "../../agent/identity.ts";
import { encodePng } from "../../agent/vision/png.ts";
import { Anchor } from "../../proto/gen/drover/agent/v1/screen_pb.ts";
import { until } from "../agent/desktop/until.ts";
import { FakeServer, type FakeStream, MACHINE_ID } from "../support/fake-server.ts";
import { PressWindow } from "./press-window.ts";
import { usageOf } from "./process-tree.ts";

const size = { width: 1280, height: 800 };
const built = resolve(import.meta.dirname, "../../dist/agent/drover-agent");
const title = "footprint";

const { values } = parseArgs({
  options: {
    agent: { type: "string", default: built },
    idle: { type: "string", default: "90" },
    clicks: { type: "string", default: "200" },
    json: { type: "boolean", default: false },
  },
});
if (!existsSync(values.agent)) {
  process.stderr.write(`${values.agent} does not exist: run npm run build:agent first, or name one with --agent\n`);
  process.exit(2);
}

/** Of `values`, sorted: the value below which `share` of them lie. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

function spread(times: readonly number[]) {
  const sorted = [...times].sort((a, b) => a - b);
  const [p50, p90, p99] = [0.5, 0.9, 0.99].map((share) => Number(quantile(sorted, share).toFixed(2)));
  return { count: sorted.length, p50, p90, p99, max: Number(sorted.at(-1)?.toFixed(2)) };
}

async function idle(agent: ChildProcess, seconds: number) {
  const pid = agent.pid ?? 0;
  const before = usageOf(pid);
  const began = performance.now();
  let [rssMb, pssMb] = [0, 0];
  while (performance.now() - began < seconds * 1000) {
    await delay(1000);
    const now = usageOf(pid);
    rssMb = Math.max(rssMb, now.rssMb);
    pssMb = Math.max(pssMb, now.pssMb);
  }
  const cpuMs = usageOf(pid).cpuMs - before.cpuMs;
  const cpuPercent = Number(((100 * cpuMs) / (performance.now() - began)).toFixed(2));
  return { seconds, processes: before.processes, cpuPercent, rssMb: Math.round(rssMb), pssMb: Math.round(pssMb) };
}

type Target = Parameters<FakeStream["say"]>[0] extends infer T ? T : never;

async function clicks(stream: FakeStream, window: PressWindow, attemptId: string, target: object, count: number) {
  const lease = { leaseId: attemptId, attemptId, application: { name: "footprint", processes: ["xev"] } };
  const epoch = BigInt(attemptId === "point" ? 1 : 2);
  const injected: number[] = [];
  const answered: number[] = [];
  for (let number = 1; number <= count; number++) {
    const command = { number, timeoutMs: 10_000, action: { case: "click" as const, value: { target } } };
    const at = performance.now();
    stream.say({ case: "assignment", value: { epoch, lease, command } } as Target);
    const answer = stream.result(number, attemptId === "point" ? 1 : 2).then(({ failure }) => {
      if (failure !== undefined) throw new Error(`click ${number} failed: ${failure.message}`);
      return performance.now();
    });
    const pressed = window.pressed(10_000);
    const [seenAt, answeredAt] = await Promise.all([pressed, answer]);
    injected.push(seenAt - at);
    answered.push(answeredAt - at);
    stream.say({ case: "resultAck", value: { attemptId, number } });
    // The film's frame of this click is encoded now; the next click is not to wait for it.
    await delay(60);
  }
  return { injectedMs: spread(injected), answeredMs: spread(answered) };
}

async function main() {
  const session = await startX11Session(size);
  const server = await FakeServer.start();
  const stateDir = mkdtempSync(join(tmpdir(), "drover-footprint-"));
  saveIdentity(stateDir, { machineId: MACHINE_ID, machineKey: "key-1" });
  const window = new PressWindow(session.env, title);
  const args = ["run", "--server", server.url, "--state", stateDir, "--display", session.display];
  const agent = spawn(values.agent, args, { env: session.env, stdio: "ignore" });
  const ended = once(agent, "exit");
  try {
    const desktop = await openX11Desktop({ display: session.display, env: session.env });
    const shown = await until("the window is listed", async () =>
      (await desktop.windows()).find((each) => each.title === title),
    );
    window.own(session.env, shown.id);
    const began = performance.now();
    const times = { beatIntervalMs: 3000, stopAfterMs: 10_000, healthIntervalMs: 30_000 };
    const stream = await server.welcome(1, times);
    await stream.heardOf("beat");
    const attachedMs = Math.round(performance.now() - began);
    process.stderr.write(`attached after ${attachedMs} ms; idle for ${values.idle} s\n`);
    const resting = await idle(agent, Number(values.idle));

    process.stderr.write(`${values.clicks} clicks at a point, then at a picture\n`);
    const count = Number(values.clicks);
    const anywhere = { kind: { case: "window", value: { title } } };
    const atPoint = await clicks(stream, window, "point", anywhere, count);
    // Something to find: the corner with the window's buttons, as its window manager drew them.
    const frame = await desktop.capture();
    const box = { x: shown.box.x + shown.box.width - 90, y: shown.box.y - 18, width: 120, height: 40 };
    const rgba = new Uint8Array(box.width * box.height * 4);
    for (let row = 0; row < box.height; row++) {
      const from = ((box.y + row) * frame.width + box.x) * 4;
      rgba.set(frame.rgba.subarray(from, from + box.width * 4), row * box.width * 4);
    }
    const png = encodePng({ width: box.width, height: box.height, rgba });
    const base = { kind: { case: "image", value: { png, threshold: 0.9 } } };
    const below = { kind: { case: "relative", value: { base, anchor: Anchor.TOP_LEFT, dx: 0, dy: 60 } } };
    const atPicture = await clicks(stream, window, "picture", below, count);
    await desktop.stop();
    return { attachedMs, idle: resting, clickAtPoint: atPoint, clickAtPicture: atPicture };
  } finally {
    agent.kill("SIGTERM");
    await ended;
    await window.close();
    server.stop();
    await session.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

const measured = await main();
const machine = `${cpus()[0]?.model ?? "?"}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()} ${arch()}`;
if (values.json) process.stdout.write(`${JSON.stringify({ machine, ...measured })}\n`);
else {
  const { idle: rest, clickAtPoint: point, clickAtPicture: picture } = measured;
  const rows: readonly (readonly [string, string, string])[] = [
    ["idle CPU, a health screenshot every 30 s", "< 1 % of a core", `${rest.cpuPercent} %`],
    [
      "memory, no text read in the last minute",
      "< 150 MB",
      `${rest.pssMb} MB PSS, ${rest.rssMb} MB RSS (${rest.processes} processes)`,
    ],
    [
      "click at a point, injected: p50 / p90 / p99",
      "p50 < 5 ms",
      `${point.injectedMs.p50} / ${point.injectedMs.p90} / ${point.injectedMs.p99} ms`,
    ],
    [
      "click at a point, answered",
      "",
      `${point.answeredMs.p50} / ${point.answeredMs.p90} / ${point.answeredMs.p99} ms`,
    ],
    [
      "click at a picture, injected",
      "p50 < 150 ms",
      `${picture.injectedMs.p50} / ${picture.injectedMs.p90} / ${picture.injectedMs.p99} ms`,
    ],
    [
      "click at a picture, answered",
      "",
      `${picture.answeredMs.p50} / ${picture.answeredMs.p90} / ${picture.answeredMs.p99} ms`,
    ],
  ];
  process.stdout.write(
    `${machine}; ${size.width}x${size.height}; ${point.injectedMs.count} clicks each; idle ${rest.seconds} s\n`,
  );
  for (const [what, aim, seen] of rows) process.stdout.write(`${what.padEnd(46)}${aim.padEnd(18)}${seen}\n`);
}
