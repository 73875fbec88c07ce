// A request that breaks a rule of its .proto is refused with every offending field named, twice over: as
// buf.validate.Violations for those who have the rules, and as google.rpc.BadRequest for everybody.
//
// Beside those rules: text that Postgres cannot store (NUL, half a surrogate pair) and inputs nested past any use are
// refused here too, so that nothing behind this door has to think of them.

import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { pathToString, type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { createValidator, type Validator, violationsToProto } from "@bufbuild/protovalidate";
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import type { FieldProblem } from "../rules/refusal.ts";
import { badRequest } from "./errors.ts";
import { apiLimits } from "./limits.ts";

const unstorable = "must not contain NUL or half a surrogate pair";

export function checkRequest<D extends DescMessage>(validator: Validator, desc: D, message: MessageShape<D>) {
  const problems = textProblems(reflect(desc, message), "");
  // Rules first walk the message: not one that is nested too deep.
  const result = problems.length > 0 ? undefined : validator.validate(desc, message);
  if (result?.kind === "error") throw result.error;
  for (const violation of result?.violations ?? []) {
    problems.push({ field: pathToString(violation.field), message: violation.message });
  }
  if (problems.length === 0) return;
  const details = [badRequest(problems)];
  if (result?.violations !== undefined) {
    const [value, violations] = violationsToProto(result.violations);
    throw new ConnectError(sentence(problems), Code.InvalidArgument, undefined, [
      { desc: violations, value },
      ...details,
    ]);
  }
  throw new ConnectError(sentence(problems), Code.InvalidArgument, undefined, details);
}

const sentence = (problems: readonly FieldProblem[]) =>
  [
    ...problems.slice(0, 10),
    ...(problems.length > 10 ? [{ field: "and", message: `${problems.length - 10} more` }] : []),
  ]
    .map(({ field, message }) => (field === "" ? message : `${field}: ${message}`))
    .join("; ");

/** Walks strings, lists, maps, messages and JSON values; names each place that holds text which cannot be stored. */
function textProblems(message: ReflectMessage, path: string): FieldProblem[] {
  const at = (name: string) => (path === "" ? name : `${path}.${name}`);
  return message.fields.flatMap((field) => {
    if (!message.isSet(field)) return [];
    const here = at(field.name);
    switch (field.fieldKind) {
      case "scalar":
        return textProblem(message.get(field), here);
      case "message": {
        if (field.message.typeName !== "google.protobuf.Struct") return textProblems(message.get(field), here);
        // A Struct is plain JSON in protobuf-es.
        return jsonProblems((message.message as unknown as Record<string, unknown>)[field.localName], here, 0);
      }
      case "list":
        return [...message.get(field)].flatMap((item, index) =>
          field.listKind === "message"
            ? textProblems(item as ReflectMessage, `${here}[${index}]`)
            : textProblem(item, `${here}[${index}]`),
        );
      case "map":
        return [...message.get(field)].flatMap(([key, value]) => [
          ...textProblem(key, here),
          ...textProblem(value, here),
        ]);
      default:
        return [];
    }
  });
}

const textProblem = (value: unknown, field: string): FieldProblem[] =>
  typeof value === "string" && (value.includes("\0") || !value.isWellFormed()) ? [{ field, message: unstorable }] : [];

function jsonProblems(value: unknown, path: string, depth: number): FieldProblem[] {
  if (typeof value === "string") return textProblem(value, path);
  if (typeof value !== "object" || value === null) return [];
  if (depth >= apiLimits.structDepthMax) {
    return [{ field: path, message: `must not be nested deeper than ${apiLimits.structDepthMax} levels` }];
  }
  if (Array.isArray(value)) return value.flatMap((item, index) => jsonProblems(item, `${path}[${index}]`, depth + 1));
  return Object.entries(value).flatMap(([key, item]) => [
    ...textProblem(key, path),
    ...jsonProblems(item, `${path}.${key.slice(0, 64)}`, depth + 1),
  ]);
}

export function validate(validator = createValidator()): Interceptor {
  return (next) => async (request) => {
    if (!request.stream) {
      checkRequest(validator, request.method.input, request.message);
      return next(request);
    }
    const { method, message } = request;
    return next({ ...request, message: checked(message) });

    async function* checked(messages: typeof message) {
      for await (const each of messages) {
        checkRequest(validator, method.input, each);
        yield each;
      }
    }
  };
}
