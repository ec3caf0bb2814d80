/**
 * One method as ts-proto generates it with `outputServices=grpc-js`. CCSP has unary methods and server streams only.
 */
export interface MethodShape {
  readonly path: string;
  readonly requestStream: false;
  readonly responseStream: boolean;
  readonly requestSerialize: (value: never) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => object;
  readonly responseSerialize: (value: never) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => object;
}

/** The largest message that a server and a client read, if their options name no other. */
export const DEFAULT_MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/** A generated service definition, such as `QueueServiceService`. */
export type ServiceShape = Readonly<Record<string, MethodShape>>;

export type RequestOf<M extends MethodShape> = ReturnType<M["requestDeserialize"]>;
export type ResponseOf<M extends MethodShape> = ReturnType<M["responseDeserialize"]>;

/** `/ccsp.queue.v1.QueueService/Sync` is method `Sync` of service `ccsp.queue.v1.QueueService`. */
export function splitPath(path: string): { service: string; method: string } {
  const [, service = "", method = ""] = path.split("/");
  return { service, method };
}

/** The full name of a generated service. Throws when the definition has no methods. */
export function serviceName(definition: ServiceShape): string {
  const [first] = Object.values(definition);
  if (!first) throw new Error("a service definition without methods cannot be served");
  return splitPath(first.path).service;
}
