// Server reflection (grpcurl without files), for any server: it knows descriptors and the protocol, and no transport.
// `reflectionOf(services)` answers one request of the v1 protocol; v1alpha differs in its name only, so the same answer
// fits both. Each answer with files holds all that they depend on, so that a client needs to ask once.

import { type AnyDesc, type DescExtension, type DescFile, type DescService, toBinary } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { ServerReflectionRequest } from "./gen/grpc/reflection/v1/reflection_pb.ts";
import type { ServerReflectionRequest as ServerReflectionRequestAlpha } from "./gen/grpc/reflection/v1alpha/reflection_pb.ts";

/** `message_response`, plain: the generated types of v1 and v1alpha differ by name only. */
type Answer =
  | { case: "listServicesResponse"; value: { service: { name: string }[] } }
  | { case: "fileDescriptorResponse"; value: { fileDescriptorProto: Uint8Array<ArrayBuffer>[] } }
  | { case: "allExtensionNumbersResponse"; value: { baseTypeName: string; extensionNumber: number[] } }
  | { case: "errorResponse"; value: { errorCode: number; errorMessage: string } };

/** gRPC's codes for the two ways to say no. */
const notFound = 5;
const unimplemented = 12;

/** The request itself is sent back by whoever knows its type: `{ ...reflect(request), originalRequest: request }`. */
export type Reflect = (request: ServerReflectionRequest | ServerReflectionRequestAlpha) => {
  validHost: string;
  messageResponse: Answer;
};

export function reflectionOf(services: readonly DescService[]): Reflect {
  const files = new Map<string, DescFile>();
  for (const service of services) collect(service.file, files);
  const symbols = new Map<string, DescFile>();
  const extensions = new Map<string, DescExtension[]>();
  for (const file of files.values()) {
    for (const desc of nestedTypes(file)) {
      for (const name of namesOf(desc)) symbols.set(name, file);
      if (desc.kind !== "extension") continue;
      const extendee = desc.extendee.typeName;
      extensions.set(extendee, [...(extensions.get(extendee) ?? []), desc]);
    }
  }

  function answer(
    query: ServerReflectionRequest["messageRequest"] | ServerReflectionRequestAlpha["messageRequest"],
  ): Answer {
    switch (query.case) {
      case "listServices":
        return {
          case: "listServicesResponse",
          value: {
            service: services
              .map(({ typeName }) => ({ name: typeName }))
              .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
          },
        };
      case "fileByFilename":
        return withFile(files.get(query.value), `file ${query.value}`);
      case "fileContainingSymbol":
        return withFile(symbols.get(query.value.replace(/^\./, "")), `symbol ${query.value}`);
      case "fileContainingExtension": {
        const { containingType, extensionNumber } = query.value;
        const found = extensions.get(containingType)?.find(({ number }) => number === extensionNumber);
        return withFile(found?.file, `extension ${extensionNumber} of ${containingType}`);
      }
      case "allExtensionNumbersOfType":
        if (!symbols.has(query.value)) return error(notFound, `There is no type ${query.value} here.`);
        return {
          case: "allExtensionNumbersResponse",
          value: {
            baseTypeName: query.value,
            extensionNumber: (extensions.get(query.value) ?? []).map(({ number }) => number),
          },
        };
      case undefined:
        return error(unimplemented, "The request asks for nothing that is known here.");
    }
  }

  return ({ host, messageRequest }) => ({ validHost: host, messageResponse: answer(messageRequest) });
}

function withFile(file: DescFile | undefined, what: string): Answer {
  if (file === undefined) return error(notFound, `There is no ${what} here.`);
  const closure = collect(file, new Map());
  return {
    case: "fileDescriptorResponse",
    value: {
      fileDescriptorProto: [...closure.values()].map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto)),
    },
  };
}

const error = (errorCode: number, errorMessage: string): Answer => ({
  case: "errorResponse",
  value: { errorCode, errorMessage },
});

/** The file first, then what it depends on. */
function collect(file: DescFile, into: Map<string, DescFile>): Map<string, DescFile> {
  if (into.has(file.proto.name)) return into;
  into.set(file.proto.name, file);
  for (const dependency of file.dependencies) collect(dependency, into);
  return into;
}

function namesOf(desc: AnyDesc): string[] {
  switch (desc.kind) {
    case "service":
      return [desc.typeName, ...desc.methods.map(({ name }) => `${desc.typeName}.${name}`)];
    case "message":
      return [desc.typeName, ...desc.members.map(({ name }) => `${desc.typeName}.${name}`)];
    case "enum":
      // A value is named beside its enum, not inside it.
      return [desc.typeName, ...desc.values.map(({ name }) => desc.typeName.replace(/[^.]+$/, name))];
    case "extension":
      return [desc.typeName];
    default:
      return [];
  }
}
