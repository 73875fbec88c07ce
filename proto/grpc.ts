// Shows a protobuf-es service to grpc-js, which knows neither protobuf-es nor its types. (grpc-js and not Connect for
// the agent stream: half the server CPU and half the memory per long-lived stream; see docs/architecture.md.)

import {
  create,
  type DescMessage,
  type DescMethodBiDiStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";

const path = (method: DescMethodBiDiStreaming | DescMethodServerStreaming | DescMethodUnary) =>
  `/${method.parent.typeName}/${method.name}`;

const encode =
  <D extends DescMessage>(desc: D) =>
  (message: MessageShape<D>): Buffer =>
    Buffer.from(toBinary(desc, message));

const decode =
  <D extends DescMessage>(desc: D) =>
  (bytes: Buffer): MessageShape<D> =>
    fromBinary(desc, bytes);

/** A grpc-js definition of all methods of `service`, keyed by their local names, for `Server.addService`. */
export function serviceDefinition(service: DescService): grpc.ServiceDefinition {
  return Object.fromEntries(
    service.methods.map((method) => [
      method.localName,
      {
        path: `/${service.typeName}/${method.name}`,
        requestStream: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
        responseStream: method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming",
        requestSerialize: encode(method.input),
        requestDeserialize: decode(method.input),
        responseSerialize: encode(method.output),
        responseDeserialize: decode(method.output),
      } satisfies grpc.MethodDefinition<MessageShape<DescMessage>, MessageShape<DescMessage>>,
    ]),
  );
}

/** Opens a bidirectional stream. The call is async-iterable and, as all of grpc-js, fails with a `ServiceError`. */
export function openBidi<I extends DescMessage, O extends DescMessage>(
  client: grpc.Client,
  method: DescMethodBiDiStreaming<I, O>,
  metadata: grpc.Metadata,
): grpc.ClientDuplexStream<MessageShape<I>, MessageShape<O>> {
  return client.makeBidiStreamRequest(path(method), encode(method.input), decode(method.output), metadata);
}

/** Asks for a stream of answers. The call is async-iterable and fails with a `ServiceError`; what is not read yet waits at the sender. */
export function openServerStream<I extends DescMessage, O extends DescMessage>(
  client: grpc.Client,
  method: DescMethodServerStreaming<I, O>,
  request: MessageInitShape<I>,
  metadata: grpc.Metadata,
): grpc.ClientReadableStream<MessageShape<O>> {
  const asked = create(method.input, request);
  return client.makeServerStreamRequest(path(method), encode(method.input), decode(method.output), asked, metadata);
}

/** Makes one unary call. Rejects with a `ServiceError`. */
export function callUnary<I extends DescMessage, O extends DescMessage>(
  client: grpc.Client,
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
  options: grpc.CallOptions = {},
  metadata = new grpc.Metadata(),
): Promise<MessageShape<O>> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path(method),
      encode(method.input),
      decode(method.output),
      create(method.input, request),
      metadata,
      options,
      (error, response) =>
        error === null && response !== undefined ? resolve(response) : reject(error ?? new Error("no response")),
    );
  });
}
