import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { test } from "node:test";
import { Dial } from "../../agent/connection/dial.ts";
import { serverAddress } from "../../agent/connection/server-address.ts";
import { DesktopState, HoldReason } from "../../proto/gen/drover/agent/v1/channel_pb.ts";
import { until } from "./desktop/until.ts";

test("a dial to a server that never closes its end leaves no socket behind", async () => {
  const accepted: Socket[] = [];
  // Half-open sockets behave like those of a frozen server: what the other end does changes nothing here.
  const frozen = createServer(
    { allowHalfOpen: true },
    (socket) => void accepted.push(socket.on("error", () => {}).resume()),
  );
  await new Promise<void>((resolve) => frozen.listen(0, "127.0.0.1", resolve));
  const { port } = frozen.address() as { port: number };
  const openFiles = () => readdirSync("/proc/self/fd").length;
  const before = openFiles();
  try {
    for (let dials = 1; dials <= 3; dials++) {
      const dial = new Dial(serverAddress(`http://127.0.0.1:${port}`), "key", {
        ...{
          hello: () => ({}),
          welcomed() {},
          received() {},
          beatSending() {},
          leaving() {},
          nextChunk: () => undefined,
        },
        holding: () => HoldReason.UNSPECIFIED,
        desktop: () => DesktopState.UNSPECIFIED,
      });
      await until("it is connected and has spoken", () => (accepted[dials - 1]?.bytesRead ?? 0) > 0);
      dial.close();
      assert.equal((await dial.ended).was, "closed");
    }
    await until("only the server's ends are left", () => openFiles() <= before + accepted.length, 5000);
  } finally {
    for (const socket of accepted) socket.destroy();
    frozen.close();
  }
});
