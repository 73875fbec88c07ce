// Who may import whom (`rooms.ts`), checked on every file that is not a test.

import assert from "node:assert/strict";
import { posix } from "node:path";
import { test } from "node:test";
import { libraryOf, roomOf, rooms } from "./rooms.ts";
import { importsOf } from "./scan.ts";
import { files, read, sources } from "./sources.ts";

const ours = sources.filter((file) => !file.startsWith("test/"));

/** What of this project a specifier means; undefined for a library. */
function fileOf(file: string, specifier: string): string | undefined {
  if (specifier.startsWith(".")) return posix.join(posix.dirname(file), specifier);
  const [, workspace] = /^@drover\/(.*)$/.exec(specifier) ?? [];
  return workspace;
}

function violations(file: string, source: string): string[] {
  const name = roomOf(file);
  const room = name === undefined ? undefined : rooms[name];
  if (room === undefined) return [`${file} is in no room`];
  return importsOf(source).flatMap((specifier) => {
    const target = fileOf(file, specifier);
    if (target !== undefined) {
      const other = roomOf(target);
      const allowed = other === name || room.from.some((from) => from === other || from === target);
      return allowed ? [] : [`${file} imports ${target}: ${name} may not`];
    }
    if (specifier.startsWith("node:")) {
      const allowed = room.node === "all" || room.node.includes(specifier);
      return allowed ? [] : [`${file} imports ${specifier}: ${name} may not`];
    }
    const library = libraryOf(specifier);
    return room.libraries.includes(library) ? [] : [`${file} imports ${library}: ${name} may not`];
  });
}

test("every file imports only what its room may", () => {
  assert.deepEqual(
    ours.flatMap((file) => violations(file, read(file))),
    [],
  );
});

test("a relative import names a file that is there", () => {
  const known = new Set(files);
  const missing = ours.flatMap((file) =>
    importsOf(read(file))
      .map((specifier) => fileOf(file, specifier))
      .filter((target) => target !== undefined && !/(^|\/)gen\//.test(target) && !known.has(target))
      .map((target) => `${file} imports ${target}`),
  );
  assert.deepEqual(missing, []);
});

test("every library of a room is used in it, and every room is there", () => {
  const unused = Object.entries(rooms).flatMap(([name, room]) => {
    const inRoom = ours.filter((file) => roomOf(file) === name);
    if (inRoom.length === 0) return [`${name} has no file`];
    const text = inRoom.map(read).join("\n");
    return room.libraries.filter((library) => !text.includes(`"${library}`)).map((library) => `${name}: ${library}`);
  });
  assert.deepEqual(unused, []);
});

test("each network and database library has its own rooms", () => {
  const roomsWith = (library: string) =>
    Object.keys(rooms).filter((room) => rooms[room]?.libraries.includes(library) && room !== "proto/third_party");
  assert.deepEqual(roomsWith("@grpc/grpc-js"), ["proto", "server/channel", "agent/connection"]);
  assert.deepEqual(roomsWith("@connectrpc/connect"), ["server/api", "sdk"]);
  assert.deepEqual(roomsWith("drizzle-orm"), ["server/store"]);
  assert.deepEqual(roomsWith("postgres"), ["server/postgres", "server/store"]);
  assert.deepEqual(roomsWith("koffi"), ["agent/executable", "agent/desktop", "agent/host"]);
});

test("forbidden imports are found however they are written", () => {
  const forbidden = [
    ["server/rules/run.ts", 'import { readFileSync } from "node:fs";'],
    ["server/rules/run.ts", 'import type { Tx } from "../store/database.ts";'],
    ["server/rules/run.ts", 'export { place } from "../engine/placing.ts";'],
    ["server/rules/run.ts", 'import "../main.ts";'],
    ["server/rules/run.ts", 'type Row = import("../store/runs.ts").LiveRow;'],
    ["server/api/runs.ts", 'const channel = await import("../channel/server.ts");'],
    ["server/api/runs.ts", 'import {\n  create, // a comment "from" somewhere\n} from "@grpc/grpc-js";'],
    ["server/channel/server.ts", "import { serveApi } from '../api/server.ts';"],
    ["server/channel/server.ts", "const name = `x`; await import(name);"],
    ["agent/agent.ts", 'import { limits } from "@drover/server/rules/limits.ts";'],
    ["sdk/client.ts", 'import { Reason } from "@drover/proto/gen/drover/v1/error_pb.ts";'],
    ["nowhere/file.ts", ""],
  ] as const;
  for (const [file, source] of forbidden) assert.equal(violations(file, source).length, 1, `${file}: ${source}`);
});

test("what only looks like an import is none", () => {
  const harmless = [
    '// import { x } from "node:fs";',
    '/* import "node:fs" */',
    'const text = `import { x } from "node:fs"`;',
    `const text = 'import "node:fs"';`,
    "const at = source.indexOf('from') / 2; // from \"node:fs\"",
    'const found = /from "node:fs"/.test(text);',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source code
    "const drag = `{ from: ${from}, to: ${to} }`;",
  ];
  for (const source of harmless) assert.deepEqual(violations("server/rules/run.ts", source), [], source);
});
