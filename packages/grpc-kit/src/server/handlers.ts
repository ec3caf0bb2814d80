import { AsyncLocalStorage } from "node:async_hooks";
import { invalidFields, Refusal } from "@ccsp/errors";
import { fieldNotUtf8, StrictReader } from "@ccsp/protos/strict-text.js";
import type { ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { SMALL_BYTES } from "../bounds/unread.js";
import { type InCallSpan, inCallSpan, untraced } from "../wire/call-span.js";
import {
  type MethodShape,
  type RequestOf,
  type ResponseOf,
  type ServiceShape,
  serviceName,
} from "../wire/service-shape.js";
import type { CallContext } from "./call-context.js";
import { type Serving, serveStream, serveUnary } from "./serve-call.js";

/**
 * The handlers of a generated service definition. A unary method is `async (request, context) => response`, and a
 * server stream is `async function* (request, context)`. A misspelt or missing method is a type error.
 */
export type Handlers<D extends ServiceShape> = { readonly [M in keyof D]: Handler<D[M]> };

type Handler<M extends MethodShape> = M["responseStream"] extends true
  ? (request: RequestOf<M>, context: CallContext) => AsyncIterable<ResponseOf<M>>
  : (request: RequestOf<M>, context: CallContext) => Promise<ResponseOf<M>>;

/** A service with its handlers, ready for `serveGrpc`. */
export interface Implementation {
  readonly serviceName: string;
  /** The full names of the methods whose calls have a span. */
  readonly traced: readonly string[];
  /** The full names of the unary methods. */
  readonly unary: readonly string[];
  /** Returns what grpc-js needs to serve this service on one server. */
  bind(serving: Serving): { readonly definition: ServiceDefinition; readonly handlers: UntypedServiceImplementation };
}

export interface ImplementOptions<D extends ServiceShape> {
  /** Calls of these methods make no span. */
  readonly untraced?: readonly (keyof D)[] | undefined;
}

/**
 * Joins a generated definition with its handlers. A handler throws a `Refusal` to refuse a call. Any other error is
 * logged and answered with INTERNAL. The server pulls from a stream's handler only as fast as the client reads. If the
 * call ends early, the server calls `return()` on the handler's generator.
 */
export function implement<D extends ServiceShape>(
  definition: D,
  handlers: Handlers<D>,
  options?: ImplementOptions<D>,
): Implementation {
  return implementSome(definition, handlers, options);
}

/**
 * Implements only some methods of a service. Calls of the other methods are answered with UNIMPLEMENTED. For stand-ins
 * in tests.
 */
export function implementSome<D extends ServiceShape>(
  definition: D,
  handlers: Partial<Handlers<D>>,
  { untraced: untracedMethods = [] }: ImplementOptions<D> = {},
): Implementation {
  const methods: ServiceShape = definition;
  const traced = Object.entries(methods).flatMap(([name, { path }]) => (untracedMethods.includes(name) ? [] : [path]));
  return {
    serviceName: serviceName(methods),
    traced,
    unary: Object.values(methods).flatMap(({ path, responseStream }) => (responseStream ? [] : [path])),
    bind(serving) {
      // A call comes in the context of its connection. Its spans and those below it belong to the service that serves it.
      const inStart = AsyncLocalStorage.snapshot();
      const bound: UntypedServiceImplementation = {};
      for (const [name, method] of Object.entries(methods)) {
        const handler: unknown = handlers[name];
        if (typeof handler !== "function") continue;
        const handle = (request: unknown, context: CallContext) => {
          if (isUnreadable(request)) throw request[UNREADABLE];
          return handler.call(handlers, request, context);
        };
        const begin = traced.includes(method.path) ? inCallSpan(method.path) : untraced;
        const inSpan: InCallSpan = (headers, serve) => inStart(begin, headers, serve);
        const encode = encoderOf(method);
        bound[name] = method.responseStream
          ? serveStream({ handle, encode, inSpan }, serving)
          : serveUnary({ handle, encode, inSpan }, serving);
      }
      return { definition: servedDefinition(methods), handlers: bound };
    },
  };
}

/** Marks what stands for a request that could not be decoded. */
const UNREADABLE = Symbol("unreadable");

interface Unreadable {
  readonly [UNREADABLE]: Refusal;
}

const isUnreadable = (request: unknown): request is Unreadable =>
  typeof request === "object" && request !== null && UNREADABLE in request;

/** The size of each request, for as long as its message lives. */
const sizes = new WeakMap<object, number>();

/** The size of a request that this server decoded, or 0. */
export const receivedBytes = (request: unknown): number =>
  (typeof request === "object" && request !== null && sizes.get(request)) || 0;

/**
 * The encoded bytes of large messages, for as long as the message object lives. So a message that goes to many readers
 * is encoded once.
 */
const encoded = new WeakMap<object, Buffer>();

function encoderOf(method: MethodShape): (response: unknown) => Buffer {
  return (response) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Handlers<D> has checked it
    const message = response as object;
    const known = encoded.get(message);
    if (known) return known;
    try {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same
      const bytes = method.responseSerialize(message as never);
      if (bytes.length > SMALL_BYTES) encoded.set(message, bytes);
      return bytes;
    } catch (error) {
      throw new Error(`a response of ${method.path} could not be serialized`, { cause: error });
    }
  };
}

/**
 * The definition that grpc-js serves. A request that cannot be decoded is the caller's fault and becomes a refusal.
 * grpc-js itself would answer INTERNAL and log nothing here. Responses are already encoded.
 */
function servedDefinition(methods: ServiceShape): ServiceDefinition {
  const definition = Object.entries(methods).map(([name, method]) => [
    name,
    {
      ...method,
      requestDeserialize(bytes: Buffer) {
        const request = decoded(method, bytes);
        sizes.set(request, bytes.length);
        return request;
      },
      responseSerialize: (bytes: Buffer) => bytes,
    },
  ]);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- grpc-js types serializers with `any`
  return Object.fromEntries(definition) as ServiceDefinition;
}

function decoded(method: MethodShape, bytes: Buffer): object {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each generated `decode` takes a reader too
    return method.requestDeserialize(new StrictReader(bytes) as unknown as Buffer);
  } catch {
    return { [UNREADABLE]: whyUnreadable(method.path, bytes) } satisfies Unreadable;
  }
}

function whyUnreadable(path: string, bytes: Buffer): Refusal {
  const field = fieldNotUtf8(path, bytes);
  if (field === undefined) return new Refusal("INVALID_FIELD", `the request is not a message of ${path}`);
  return invalidFields([{ field, description: "is not text in UTF-8" }]);
}
