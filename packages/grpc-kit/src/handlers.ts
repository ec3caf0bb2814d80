import type { ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { CallContext } from "./call-context.js";
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
  readonly definition: ServiceDefinition;
  bind(serving: Serving): UntypedServiceImplementation;
}

/**
 * Joins a generated definition with its handlers. Throw a `Refusal` to refuse a call; anything else that is thrown is
 * logged and answered with INTERNAL. A stream is pulled only as fast as the client reads; it is `return()`ed when the
 * call ends early.
 */
export function implement<D extends ServiceShape>(definition: D, handlers: Handlers<D>): Implementation {
  const methods: ServiceShape = definition;
  return {
    serviceName: serviceName(definition),
    // grpc-js types its definitions with `any`, which a typed serializer does not match.
    definition: methods as unknown as ServiceDefinition,
    bind(serving) {
      const bound: UntypedServiceImplementation = {};
      for (const [name, method] of Object.entries(methods)) {
        const handler: unknown = handlers[name];
        if (typeof handler !== "function") throw new Error(`no handler for ${method.path}`);
        const handle = handler.bind(handlers);
        bound[name] = method.responseStream ? serveStream(handle, serving) : serveUnary(handle, serving);
      }
      return bound;
    },
  };
}
