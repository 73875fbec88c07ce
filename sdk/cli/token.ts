// drover token: the tokens that enrol machines.

import type { Command } from "commander";
import { type EnrolmentToken, EnrolmentTokenSchema } from "../gen/drover/v1/machine_pb.ts";
import { all } from "../pages.ts";
import { act, addCommand, jsonOf } from "./desk.ts";
import { cleaned } from "./screen-text.ts";
import { spanMs, whenText } from "./spans.ts";
import { wholeNumber } from "./whole-numbers.ts";

/** The API's own rule for a token. */
const usesMax = 10_000;

const columns = [
  { title: "TOKEN", value: (token: EnrolmentToken) => token.id },
  { title: "POOL", value: (token: EnrolmentToken) => token.pool, elastic: true },
  { title: "USES LEFT", value: (token: EnrolmentToken) => String(token.usesLeft) },
  { title: "ENDS", value: (token: EnrolmentToken) => (token.revoked ? "revoked" : whenText(token.expiresAt)) },
];

export function addToken(program: Command): Command[] {
  const group = program.command("token").description("make, list and revoke the tokens that enrol machines");
  const create = addCommand(group, "create", "make a token; its secret is shown this once", [
    "drover token create --pool clinic --uses 20 --lifetime 2h",
    "TOKEN=$(drover token create)",
  ])
    .option("--pool <name>", "the pool that machines get into (default)")
    .option("--uses <number>", "how many machines it may enrol (1)", wholeNumber(1, usesMax))
    .option("--lifetime <span>", "how long it is good for, like 2h (1h)", spanMs)
    .action(
      act(async (desk, options: { pool?: string; uses?: number; lifetime?: number }) => {
        const { pool, uses, lifetime } = options;
        const { token, secret } = await desk.client.createToken({ pool, uses, lifetimeMs: lifetime });
        if (desk.json) return desk.document({ token: jsonOf(EnrolmentTokenSchema, token), secret });
        desk.note(
          `Token ${token.id} for pool ${token.pool}, uses: ${token.usesLeft}, ends ${whenText(token.expiresAt)}.`,
        );
        desk.note("Its secret, shown this once:");
        desk.out(cleaned(secret));
      }),
    );
  const list = addCommand(group, "list", "list tokens, newest first", ["drover token list"]).action(
    act(async (desk) => {
      const rows = await all(desk.client.tokens());
      desk.list(EnrolmentTokenSchema, rows, columns, "No tokens.");
    }),
  );
  const revoke = addCommand(group, "revoke <id>", "end a token; machines that it enrolled stay", [
    "drover token revoke 01980000-0000-7000-8000-000000000001",
  ]).action(
    act(async (desk, id: string) => {
      const token = await desk.client.revokeToken(id);
      if (desk.json) return desk.document(jsonOf(EnrolmentTokenSchema, token));
      desk.out(`token ${cleaned(token.id)} is revoked`);
    }),
  );
  return [create, list, revoke];
}
