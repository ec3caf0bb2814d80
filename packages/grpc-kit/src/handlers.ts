import { Refusal } from "@ccsp/errors";
import type { ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { CallContext } from "./call-context.js";
import { inCallSpan, untraced } from "./call-span.js";
import { type Serving, serveStream, serveUnary } from "./serve-call.js";
import { type MethodShape, type RequestOf, type ResponseOf, type ServiceShape, serviceName } from "./service-shape.js";

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
  return {
    serviceName: serviceName(methods),
    bind(serving) {
      const bound: UntypedServiceImplementation = {};
      for (const [name, method] of Object.entries(methods)) {
        const handler: unknown = handlers[name];
        if (typeof handler !== "function") continue;
        const handle = (request: unknown, context: CallContext) => {
          if (request === UNREADABLE) throw new Refusal("INVALID_FIELD", `the request is no message of ${method.path}`);
          return handler.call(handlers, request, context);
        };
        const inSpan = untracedMethods.includes(name) ? untraced : inCallSpan(method.path);
        bound[name] = method.responseStream
          ? serveStream(handle, serving, inSpan)
          : serveUnary(handle, serving, inSpan);
      }
      return { definition: reportingDefinition(methods, serving.log), handlers: bound };
    },
  };
}

/** Stands for a request that could not be read. */
const UNREADABLE = Object.freeze({});

/**
 * grpc-js answers both a request that it cannot read and a response that it cannot write with INTERNAL, and says nothing
 * here. The first is the caller's fault and becomes a refusal; the second is a bug and is logged.
 */
function reportingDefinition(methods: ServiceShape, log: Logger): ServiceDefinition {
  const definition = Object.entries(methods).map(([name, method]): [string, MethodShape] => [
    name,
    {
      ...method,
      requestDeserialize(bytes) {
        try {
          return method.requestDeserialize(bytes);
        } catch {
          return UNREADABLE;
        }
      },
      responseSerialize(value) {
        try {
          return method.responseSerialize(value);
        } catch (err) {
          log.error({ err, method: method.path }, "a response could not be serialized");
          throw err;
        }
      },
    },
  ]);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- grpc-js types serializers with `any`, which `never` is not
  return Object.fromEntries(definition) as unknown as ServiceDefinition;
}
