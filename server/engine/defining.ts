// Workflows and applications are put: checked, and stored as a new version unless nothing changed.

import { createHash } from "node:crypto";
import { v7 as uuid } from "uuid";
import type { Json, TenantId } from "../rules/names.ts";
import { type Answer, accept, type FieldProblem, refuse } from "../rules/refusal.ts";
import { readNow, type Tx } from "../store/database.ts";
import {
  type DefinitionVersion,
  insertVersion,
  latestApplication,
  latestWorkflow,
  saveFile,
} from "../store/definitions.ts";
import { compileApplication, compileWorkflow } from "../workflows/compile.ts";
import type { Problem } from "../workflows/problem.ts";
import type { ApplicationProgram, FileRef, Program } from "../workflows/program.ts";
import type { EngineContext } from "./context.ts";
import { pngSize } from "./png-size.ts";

export interface Definition {
  readonly source: string;
  /** By file name: PNG. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Store nothing. */
  readonly checkOnly: boolean;
}

type Put = DefinitionVersion<string>;

export function putWorkflow(context: EngineContext, tenantId: TenantId, definition: Definition): Promise<Answer<Put>> {
  return put(context, tenantId, definition, "workflow_versions", async (tx, files) => {
    const called = new Map<string, Program | undefined>();
    const known = new Map<string, ApplicationProgram | undefined>();
    // The compiler is pure and asks by name; what it asks for is read between its tries.
    for (;;) {
      const missing: { workflows: Set<string>; applications: Set<string> } = {
        workflows: new Set(),
        applications: new Set(),
      };
      const compiled = compileWorkflow(definition.source, {
        files,
        workflow(name) {
          if (!called.has(name)) missing.workflows.add(name);
          return called.get(name);
        },
        application(name) {
          if (!known.has(name)) missing.applications.add(name);
          return known.get(name) !== undefined;
        },
      });
      if (missing.workflows.size + missing.applications.size === 0) {
        if (!compiled.ok) return compiled;
        return { ok: true, name: compiled.program.workflow, program: compiled.program as unknown as Json };
      }
      for (const name of missing.workflows) {
        called.set(name, (await latestWorkflow(tx, tenantId, name))?.program as Program | undefined);
      }
      for (const name of missing.applications) {
        known.set(name, (await latestApplication(tx, tenantId, name))?.program as ApplicationProgram | undefined);
      }
    }
  });
}

export function putApplication(
  context: EngineContext,
  tenantId: TenantId,
  definition: Definition,
): Promise<Answer<Put>> {
  return put(context, tenantId, definition, "application_versions", async (_tx, files) => {
    const compiled = compileApplication(definition.source, { files });
    if (!compiled.ok) return compiled;
    return { ok: true, name: compiled.program.application, program: compiled.program as unknown as Json };
  });
}

type Compiled =
  | { readonly ok: true; readonly name: string; readonly program: Json }
  | { readonly ok: false; readonly problems: readonly Problem[] };

async function put(
  context: EngineContext,
  tenantId: TenantId,
  definition: Definition,
  table: "workflow_versions" | "application_versions",
  compile: (tx: Tx, files: ReadonlyMap<string, FileRef>) => Promise<Compiled>,
): Promise<Answer<Put>> {
  const files = new Map<string, FileRef>();
  const unreadable: { field: string; message: string }[] = [];
  for (const [name, content] of Object.entries(definition.files)) {
    const size = pngSize(content);
    if (size === undefined) unreadable.push({ field: `files.${name}`, message: "is not a PNG of at most 4096 x 4096" });
    else files.set(name, { digest: createHash("sha256").update(content).digest("hex"), ...size });
  }
  if (unreadable.length > 0)
    return refuse("DEFINITION_INVALID", "A file of the definition cannot be used.", unreadable);
  return await context.database.sql.begin(async (tx) => {
    const compiled = await compile(tx, files);
    if (!compiled.ok) return problemsRefused(compiled.problems.map(told));
    const { name, program } = compiled;
    const digest = createHash("sha256")
      .update(JSON.stringify([definition.source, [...files].sort(([a], [b]) => (a < b ? -1 : 1)), program]))
      .digest("hex");
    // Two puts of one name at once: one is the next version, the other the one after.
    await tx`select pg_advisory_xact_lock(hashtextextended(${`${table} ${tenantId} ${name}`}, 0))`;
    const [latest] = await tx<Put[]>`
      select * from ${tx(table)} where tenant_id = ${tenantId} and name = ${name} order by version desc limit 1`;
    if (latest?.digest === digest) return accept(latest);
    const row: Put = {
      id: uuid(),
      tenantId,
      name,
      version: (latest?.version ?? 0) + 1,
      digest,
      source: definition.source,
      program,
      createdAt: await readNow(tx),
    };
    if (definition.checkOnly) return accept(row);
    for (const [file, content] of Object.entries(definition.files)) {
      const ref = files.get(file);
      if (ref !== undefined) await saveFile(tx, tenantId, ref.digest, content);
    }
    await insertVersion(tx, table, row);
    return accept(row);
  });
}

function problemsRefused(problems: readonly FieldProblem[]): Answer<never> {
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return refuse(
    "DEFINITION_INVALID",
    `The definition has problems: ${first?.field} ${first?.message}${more}`,
    problems,
  );
}

const told = (problem: Problem) => ({
  field: problem.path === "" ? "source" : problem.path,
  message: `line ${problem.line}, column ${problem.column}: ${problem.message.replace(/[^.?!]$/, "$&.")} ${problem.remedy}`,
});
