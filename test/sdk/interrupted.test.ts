// Ctrl-C ends every command at once, also when its server takes calls and answers none.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { clientProgram } from "../support/drover-command.ts";

/** The exit code after Ctrl-C at a server that has been called and says nothing. */
async function interrupted(args: string[]): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const called = once(server, "connection").then(([socket]) =>
    once(
      socket.on("error", () => {}),
      "data",
    ),
  );
  const env = { DROVER_SERVER: url, DROVER_KEY: "some-key" };
  const child = spawn(process.execPath, ["--no-warnings", await clientProgram(), ...args], { env });
  const exited = once(child, "exit");
  const said = text(child.stderr);
  await called;
  child.kill("SIGINT");
  const [code] = await exited;
  server.close();
  return `${args[0]} ${code} ${/^drover: Interrupted\./.test(await said)}`;
}

test("Ctrl-C is 130 at a server that does not answer, whatever was asked of it", async () => {
  const id = "01980000-0000-7000-8000-000000000001";
  for (const some of [
    [["halts"], ["pauses"], ["limits"], ["retention"]],
    [
      ["pause", "pool", "default"],
      ["unpause", "pool", "default"],
      ["halt", "tenant"],
      ["resume", "tenant"],
    ],
    [["limit", "workflow", "notes.save", "1"], ["purge", "--yes", id], ["start", "notes.save"], ["machines"]],
  ]) {
    const codes = await Promise.all(some.map(interrupted));
    assert.deepEqual(
      codes,
      some.map(([name]) => `${name} 130 true`),
    );
  }
});
