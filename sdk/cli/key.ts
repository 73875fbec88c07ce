// drover key: the keys of the API.

import { type Command, Option } from "commander";
import { type Key, KeySchema, Scope } from "../gen/drover/v1/key_pb.ts";
import { nameOf, type ScopeName } from "../names.ts";
import { all } from "../pages.ts";
import { act, addCommand, jsonOf } from "./desk.ts";
import { oneOf } from "./runs.ts";
import { cleaned } from "./screen-text.ts";
import { spanMs, whenText } from "./spans.ts";

const columns = [
  { title: "KEY", value: (key: Key) => key.id },
  { title: "OWNER", value: (key: Key) => key.owner, elastic: true },
  { title: "SCOPE", value: (key: Key) => nameOf(Scope, key.scope) ?? "" },
  { title: "ENDS", value: (key: Key) => (key.revoked ? "revoked" : whenText(key.expiresAt) || "never") },
];

export function addKey(program: Command): Command[] {
  const group = program.command("key").description("make, list and revoke keys of the API");
  const create = addCommand(group, "create", "make a key; its secret is shown this once", [
    "drover key create --owner billing --scope caller",
    "drover key create --owner deploys --scope operator --lifetime 90d > deploys.key",
  ])
    .requiredOption("--owner <text>", "who or what it is given to")
    .addOption(
      new Option("--scope <scope>", "caller, operator, admin; each includes the ones before it")
        .argParser(oneOf(Scope))
        .default("CALLER", "caller"),
    )
    .option("--lifetime <span>", "how long it is good for, like 90d; without it, it does not end", spanMs)
    .action(
      act(async (desk, options: { owner: string; scope: ScopeName; lifetime?: number }) => {
        const { owner, scope, lifetime } = options;
        const { key, secret } = await desk.client.createKey({ owner, scope, lifetimeMs: lifetime });
        if (desk.json) return desk.document({ key: jsonOf(KeySchema, key), secret });
        desk.note(`Key ${key.id} for ${key.owner}, scope ${nameOf(Scope, key.scope) ?? ""}.`);
        desk.note("Its secret, shown this once:");
        desk.out(cleaned(secret));
      }),
    );
  const list = addCommand(group, "list", "list keys, newest first", ["drover key list"]).action(
    act(async (desk) => {
      const rows = await all(desk.client.keys());
      desk.list(KeySchema, rows, columns, "No keys.");
    }),
  );
  const revoke = addCommand(group, "revoke <id>", "end a key at once, its open streams included", [
    "drover key revoke 01980000-0000-7000-8000-000000000001",
  ]).action(
    act(async (desk, id: string) => {
      const key = await desk.client.revokeKey(id);
      if (desk.json) return desk.document(jsonOf(KeySchema, key));
      desk.out(`key ${cleaned(key.id)} is revoked`);
    }),
  );
  return [create, list, revoke];
}
