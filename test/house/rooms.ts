// The rooms of the project: what each may import, and which libraries live in it. The same table as in docs/architecture.md.
//
// A file belongs to the room with the longest name that fits it. `from` names rooms, or single files where a whole room
// would be too much. Within its room a file imports freely.

export interface Room {
  readonly from: readonly string[];
  readonly libraries: readonly string[];
  /** Node's own modules: all of them, or these. */
  readonly node: "all" | readonly string[];
}

const protobuf = "@bufbuild/protobuf";

export const rooms: Readonly<Record<string, Room>> = {
  proto: { from: [], libraries: [protobuf, "@grpc/grpc-js"], node: "all" },
  "proto/third_party": { from: [], libraries: [protobuf, "@bufbuild/protovalidate"], node: "all" },

  // Pure: no clock, no random, no I/O, and nothing but each other and a pure library.
  "server/rules": { from: [], libraries: ["compare-versions"], node: [] },
  "server/workflows": {
    from: ["server/rules"],
    libraries: ["@bufbuild/cel", "@bufbuild/re2", "ajv", "ajv-formats", "yaml"],
    node: ["node:path/posix"],
  },
  "server/postgres": { from: [], libraries: ["postgres"], node: "all" },
  "server/blobs": { from: [], libraries: [], node: "all" },
  "server/store": {
    from: ["server/rules", "server/postgres"],
    libraries: ["drizzle-orm", "drizzle-kit", "postgres", "uuid"],
    node: "all",
  },
  "server/engine": {
    from: ["server/rules", "server/workflows", "server/store", "server/blobs"],
    libraries: ["uuid"],
    node: "all",
  },
  // Neither `api` nor `channel` sees the other.
  "server/channel": {
    from: ["server/engine", "server/store", "server/rules", "proto"],
    libraries: ["@grpc/grpc-js", protobuf, "@bufbuild/protovalidate"],
    node: "all",
  },
  "server/api": {
    from: ["server/engine", "server/store", "server/rules", "proto"],
    libraries: ["@connectrpc/connect", "@connectrpc/connect-node", protobuf, "@bufbuild/protovalidate"],
    node: "all",
  },
  // Counts what the engine's meter is told; the only one that knows prom-client. Nobody but the composition root sees it.
  "server/metrics": {
    from: ["server/engine", "server/store", "server/rules"],
    libraries: ["prom-client"],
    node: "all",
  },
  // The composition root.
  server: {
    from: [
      "server/api",
      "server/blobs",
      "server/channel",
      "server/engine",
      "server/metrics",
      "server/postgres",
      "server/rules",
      "server/store",
    ],
    libraries: ["commander", "pino", "pino-pretty", "uuid"],
    node: "all",
  },

  "agent/vision": {
    from: ["agent/desktop/desktop.ts"],
    libraries: ["pngjs", "tesseract.js", "@tesseract.js-data/eng"],
    node: "all",
  },
  // What is inside an executable, and what stands in koffi's place there.
  "agent/executable": { from: ["agent/package.json", "agent/update/version.ts"], libraries: ["koffi"], node: "all" },
  // What a simulated desktop shows is read by the simulated sight: an interface of `steps`, and its way to match titles.
  "agent/desktop": {
    from: ["agent/steps/sight.ts", "agent/steps/window-pattern.ts", "agent/vision/png.ts"],
    libraries: ["koffi", "screenshot-desktop"],
    node: "all",
  },
  "agent/steps": {
    from: ["agent/desktop/desktop.ts", "agent/vision", "agent/host/host.ts", "proto"],
    libraries: [protobuf],
    node: "all",
  },
  "agent/connection": {
    from: ["agent/artifacts.ts", "agent/identity.ts", "agent/settings.ts", "proto"],
    libraries: ["@grpc/grpc-js", protobuf],
    node: "all",
  },
  // What differs between operating systems, the desktop apart.
  "agent/host": { from: [], libraries: ["koffi"], node: "all" },
  // Releases of the agent program: getting one, trying it, going back.
  "agent/update": { from: ["agent/connection", "agent/log.ts", "proto"], libraries: [protobuf], node: "all" },
  // It only looks: nothing of it injects input.
  "agent/doctor": {
    from: [
      "agent/connection",
      "agent/desktop",
      "agent/executable",
      "agent/host",
      "agent/identity.ts",
      "agent/settings.ts",
      "agent/vision",
    ],
    libraries: [],
    node: "all",
  },
  // How the agent is started when its user logs on.
  "agent/installation": {
    from: ["agent/host", "agent/identity.ts", "agent/lock.ts", "agent/settings.ts"],
    libraries: [],
    node: "all",
  },
  agent: {
    from: [
      "agent/connection",
      "agent/desktop",
      "agent/doctor",
      "agent/executable",
      "agent/host",
      "agent/installation",
      "agent/steps",
      "agent/update",
      "proto",
    ],
    libraries: [protobuf, "commander"],
    node: "all",
  },

  // Its own generated code is in its room: it needs nothing of the rest.
  sdk: {
    from: [],
    libraries: [protobuf, "@connectrpc/connect", "@connectrpc/connect-node", "@connectrpc/connect-web"],
    node: "all",
  },
  "sdk/cli": { from: ["sdk"], libraries: [protobuf, "commander"], node: "all" },

  deploy: { from: [], libraries: [], node: "all" },
  "deploy/agent-build": {
    from: ["agent/executable", "agent/package.json", "agent/update/version.ts", "deploy"],
    libraries: ["esbuild", "postject"],
    node: "all",
  },
  examples: {
    from: [
      "sdk",
      "sdk/cli",
      "deploy",
      "deploy/agent-build",
      "agent/desktop/x11-session.ts",
      "agent/desktop/wine-session.ts",
      "agent/package.json",
      "server/postgres",
    ],
    libraries: ["commander"],
    node: "all",
  },
  "drover.ts": {
    from: ["agent/main.ts", "sdk/cli", "server/command.ts", "package.json"],
    libraries: ["commander"],
    node: "all",
  },
};

/** The room of a file; undefined when there is none. */
export function roomOf(file: string): string | undefined {
  const fitting = Object.keys(rooms).filter((room) => file === room || file.startsWith(`${room}/`));
  return fitting.sort((a, b) => b.length - a.length)[0];
}

/** `@scope/name/path` and `name/path` without the path. */
export const libraryOf = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
