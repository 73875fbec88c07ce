// Runs curl, buf and openssl, and what they printed.

import { execFile } from "node:child_process";
import { resolve } from "node:path";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export function run(program: string, args: readonly string[], input = ""): Promise<Ran> {
  return new Promise((done) => {
    const child = execFile(program, [...args], { timeout: 30_000, maxBuffer: 64 << 20 }, (error, out, err) =>
      done({ code: error === null ? 0 : Number(error.code ?? 1), out, err }),
    );
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}

const buf = resolve(import.meta.dirname, "../../../node_modules/.bin/buf");

/** `buf curl`, outside the checkout: it may know no .proto but what reflection tells. */
export const bufCurl = (args: readonly string[]) =>
  run("env", ["-C", "/", `PATH=${process.env["PATH"]}`, buf, "curl", ...args]);

/** curl, plain JSON over HTTP/1.1: status and body. */
export async function curlJson(url: string, secret: string | undefined, body: string, more: readonly string[] = []) {
  const ran = await run(
    "curl",
    ["-sS", "-w", "\n%{http_code}", "-H", "content-type: application/json", "--data-binary", "@-"]
      .concat(secret === undefined ? [] : ["-H", `authorization: Bearer ${secret}`])
      .concat(more, url),
    body,
  );
  const end = ran.out.lastIndexOf("\n");
  return { ...ran, status: Number(ran.out.slice(end + 1)), body: ran.out.slice(0, end) };
}
