// Rules -> channel.proto: what an agent is told. Proto types stop here and in `reported.ts`.

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type ApplicationSchema,
  type AssignmentSchema,
  Button as ButtonProto,
  CommandSchema,
  Effect as EffectProto,
  LeasePurpose as LeasePurposeProto,
} from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import {
  Anchor as AnchorProto,
  type ConditionSchema,
  type ImageTargetSchema,
  type TargetSchema,
  type WindowPatternSchema,
} from "@drover/proto/gen/drover/agent/v1/screen_pb.ts";
import type {
  Action,
  Anchor,
  Button,
  CommandSpec,
  Condition,
  Effect,
  ImageRef,
  ReadSource,
  Target,
  WindowPattern,
} from "../rules/command.ts";
import type { LeasePurpose } from "../rules/lease.ts";
import type { Wanted } from "../rules/wanted.ts";

/** The bytes of pictures by digest, for the command that is about to be sent. */
export type Pictures = ReadonlyMap<string, Uint8Array>;

type Init<D extends Parameters<typeof create>[0]> = MessageInitShape<D>;

export function assignmentOf(wanted: Wanted, timeoutMs: number, pictures: Pictures): Init<typeof AssignmentSchema> {
  const { lease, command } = wanted;
  return {
    epoch: BigInt(wanted.epoch),
    abandon: wanted.abandon,
    halted: wanted.halted,
    resumeNumber: wanted.resumeNumber,
    ...(lease === undefined
      ? {}
      : {
          lease: {
            leaseId: lease.id,
            purpose: purposes[lease.purpose],
            attemptId: lease.attemptId,
            application: {
              name: lease.application.name,
              processes: [...lease.application.processes],
            } satisfies Init<typeof ApplicationSchema>,
          },
        }),
    ...(command === undefined ? {} : { command: commandOf(command.number, command.spec, timeoutMs, pictures) }),
  };
}

const purposes: Record<LeasePurpose, LeasePurposeProto> = {
  attempt: LeasePurposeProto.ATTEMPT,
  upkeep: LeasePurposeProto.UPKEEP,
  verify: LeasePurposeProto.VERIFY,
  session: LeasePurposeProto.SESSION,
  service: LeasePurposeProto.SERVICE,
};

const effects: Record<Effect, EffectProto> = {
  none: EffectProto.NONE,
  idempotent: EffectProto.IDEMPOTENT,
  commit: EffectProto.COMMIT,
};

const buttons: Record<Button, ButtonProto> = {
  left: ButtonProto.LEFT,
  middle: ButtonProto.MIDDLE,
  right: ButtonProto.RIGHT,
};

const anchors: Record<Anchor, AnchorProto> = {
  middle: AnchorProto.UNSPECIFIED,
  "top-left": AnchorProto.TOP_LEFT,
  "top-right": AnchorProto.TOP_RIGHT,
  "bottom-left": AnchorProto.BOTTOM_LEFT,
  "bottom-right": AnchorProto.BOTTOM_RIGHT,
};

function commandOf(number: number, spec: CommandSpec, timeoutMs: number, pictures: Pictures) {
  return create(CommandSchema, {
    number,
    timeoutMs,
    effect: effects[spec.effect],
    ...(spec.focus === undefined ? {} : { focus: windowOf(spec.focus) }),
    guard: spec.guard.map((c) => conditionOf(c, pictures)),
    done: spec.done.map((c) => conditionOf(c, pictures)),
    doneTimeoutMs: spec.doneTimeoutMs ?? 0,
    action: actionOf(spec.action, pictures),
  });
}

const windowOf = (pattern: WindowPattern): Init<typeof WindowPatternSchema> => ({
  title: pattern.title ?? "",
  process: pattern.process ?? "",
  className: pattern.className ?? "",
});

function imageOf(image: ImageRef, pictures: Pictures): Init<typeof ImageTargetSchema> {
  const png = pictures.get(image.digest);
  if (png === undefined) throw new Error(`the picture ${image.digest} of a command is not in the store`);
  return {
    png,
    threshold: image.threshold ?? 0,
    ...(image.within === undefined ? {} : { within: windowOf(image.within) }),
  };
}

const textOf = (text: { readonly text: string; readonly within?: WindowPattern }) => ({
  text: text.text,
  ...(text.within === undefined ? {} : { within: windowOf(text.within) }),
});

function targetOf(target: Target, pictures: Pictures): Init<typeof TargetSchema> {
  if ("image" in target) return { kind: { case: "image", value: imageOf(target.image, pictures) } };
  if ("text" in target) return { kind: { case: "text", value: textOf(target.text) } };
  if ("window" in target) return { kind: { case: "window", value: windowOf(target.window) } };
  const { base, dx, dy, anchor } = target.relative;
  return { kind: { case: "relative", value: { base: targetOf(base, pictures), dx, dy, anchor: anchors[anchor] } } };
}

function conditionOf(condition: Condition, pictures: Pictures): Init<typeof ConditionSchema> {
  const absent = condition.absent ?? false;
  if ("window" in condition) return { absent, kind: { case: "window", value: windowOf(condition.window) } };
  if ("activeWindow" in condition) {
    return { absent, kind: { case: "activeWindow", value: windowOf(condition.activeWindow) } };
  }
  if ("image" in condition) return { absent, kind: { case: "image", value: imageOf(condition.image, pictures) } };
  if ("text" in condition) return { absent, kind: { case: "text", value: textOf(condition.text) } };
  if ("process" in condition) return { absent, kind: { case: "process", value: condition.process } };
  return { absent, kind: { case: "responsiveMs", value: condition.responsiveMs } };
}

function actionOf(action: Action, pictures: Pictures): NonNullable<Init<typeof CommandSchema>["action"]> {
  const conditions = (list: readonly Condition[]) => list.map((c) => conditionOf(c, pictures));
  switch (action.is) {
    case "prove":
      return {
        case: "prove",
        value: { ready: conditions(action.ready), blocking: action.blocking.map(windowOf) },
      };
    case "launch":
      return { case: "launch", value: { command: [...action.command] } };
    case "close":
      return { case: "close", value: { window: windowOf(action.window) } };
    case "focus":
      return { case: "focusWindow", value: { window: windowOf(action.window) } };
    case "click":
      return {
        case: "click",
        value: { target: targetOf(action.target, pictures), button: buttons[action.button], count: action.count },
      };
    case "move":
      return { case: "move", value: { target: targetOf(action.target, pictures) } };
    case "drag":
      return {
        case: "drag",
        value: { from: targetOf(action.from, pictures), to: targetOf(action.to, pictures) },
      };
    case "scroll":
      return { case: "scroll", value: { target: targetOf(action.target, pictures), dx: action.dx, dy: action.dy } };
    case "type":
      return { case: "type", value: { text: action.text } };
    case "press":
      return { case: "press", value: { chord: action.chord } };
    case "paste":
      return { case: "paste", value: { text: action.text } };
    case "wait":
      return { case: "wait", value: { conditions: conditions(action.conditions) } };
    case "read":
      return { case: "read", value: { source: sourceOf(action.from) } };
    case "assert":
      return { case: "assert", value: { conditions: conditions(action.conditions) } };
    case "screenshot":
      return { case: "screenshot", value: {} };
    case "exec":
      return { case: "exec", value: { name: action.name, arguments: [...action.arguments] } };
    case "end-application":
      return { case: "endApplication", value: {} };
    case "pause":
      return { case: "pause", value: { durationMs: action.durationMs } };
  }
}

function sourceOf(from: ReadSource) {
  if ("windowTitle" in from) return { case: "windowTitle" as const, value: windowOf(from.windowTitle) };
  if ("activeTitle" in from) return { case: "activeTitle" as const, value: true };
  if ("windowText" in from) return { case: "windowText" as const, value: windowOf(from.windowText) };
  if ("clipboard" in from) return { case: "clipboard" as const, value: true };
  const { window, ...box } = from.box;
  return { case: "box" as const, value: { box, ...(window === undefined ? {} : { window: windowOf(window) }) } };
}

/** The digests of all pictures that a command shows. */
export function picturesIn(spec: CommandSpec): string[] {
  const found = new Set<string>();
  JSON.stringify(spec, (key, value: unknown) => {
    if (key === "digest" && typeof value === "string") found.add(value);
    return value;
  });
  return [...found];
}
