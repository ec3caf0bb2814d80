import { Refusal } from "@ccsp/errors";
import type { ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { CallContext } from "./call-context.js";
import { inCallSpan, untraced } from "./call-span.js";
import { type Serving, serveStream, serveUnary } from "./serve-call.js";
import { type MethodShape, type RequestOf, type ResponseOf, type ServiceShape, serviceName } from "./service-shape.js";
import { SMALL_BYTES } from "./unread.js";

/**
 * Handlers of a generated service definition: unary `async (request, context) => response`, server streams
 * `async function* (request, context)`. A misspelt or missing method is a type error.
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
  /** What grpc-js is given, for one server. */
  bind(serving: Serving): { readonly definition: ServiceDefinition; readonly handlers: UntypedServiceImplementation };
}

export interface ImplementOptions<D extends ServiceShape> {
  /** Methods whose calls make no span. */
  readonly untraced?: readonly (keyof D)[] | undefined;
}

/**
 * Joins a generated definition with its handlers. Throw a `Refusal` to refuse a call; anything else that is thrown is
 * logged and answered with INTERNAL. A stream is pulled only as fast as the client reads; it is `return()`ed when the
 * call ends early.
 */
export function implement<D extends ServiceShape>(
  definition: D,
  handlers: Handlers<D>,
  options?: ImplementOptions<D>,
): Implementation {
  return implementSome(definition, handlers, options);
}

/** The same for a part of a service: calls of the other methods are answered with UNIMPLEMENTED. For stand-ins in tests. */
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
    bind(serving) {
      const bound: UntypedServiceImplementation = {};
      for (const [name, method] of Object.entries(methods)) {
        const handler: unknown = handlers[name];
        if (typeof handler !== "function") continue;
        const handle = (request: unknown, context: CallContext) => {
          if (request === UNREADABLE) throw new Refusal("INVALID_FIELD", `the request is no message of ${method.path}`);
          return handler.call(handlers, request, context);
        };
        const inSpan = traced.includes(method.path) ? inCallSpan(method.path) : untraced;
        const encode = encoderOf(method);
        bound[name] = method.responseStream
          ? serveStream({ handle, encode, inSpan }, serving)
          : serveUnary({ handle, encode, inSpan }, serving);
      }
      return { definition: servedDefinition(methods), handlers: bound };
    },
  };
}

/** Stands for a request that could not be read. */
const UNREADABLE = Object.freeze({});

/** Large messages as they were encoded, for as long as they are held: one that is sent to many is encoded once. */
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
 * What grpc-js reads and writes with: a request that cannot be read is the caller's fault and becomes a refusal, where grpc-js would answer with INTERNAL and
 * say nothing here; responses are encoded already.
 */
function servedDefinition(methods: ServiceShape): ServiceDefinition {
  const definition = Object.entries(methods).map(([name, method]) => [
    name,
    {
      ...method,
      requestDeserialize(bytes: Buffer) {
        try {
          return method.requestDeserialize(bytes);
        } catch {
          return UNREADABLE;
        }
      },
      responseSerialize: (bytes: Buffer) => bytes,
    },
  ]);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- grpc-js types serializers with `any`
  return Object.fromEntries(definition) as ServiceDefinition;
}
