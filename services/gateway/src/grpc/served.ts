import type { CallContext } from "@ccsp/grpc-kit";
import type { IncomingCall } from "../application/call.js";

type Operation = (request: never, incoming: IncomingCall) => unknown;

/** The operations as the handlers of a service over gRPC. */
type Served<O> = {
  readonly [Name in keyof O]: O[Name] extends (request: infer Request, incoming: IncomingCall) => infer Answer
    ? (request: Request, context: CallContext) => Answer
    : never;
};

/** Serves operations over gRPC: each gets the message and the call of the RPC of its name. */
export function served<O extends Readonly<Record<string, Operation>>>(operations: O): Served<O> {
  const handlers = Object.entries<Operation>(operations).map(([name, operation]) => [
    name,
    (request: never, context: CallContext) => operation(request, letIn(context)),
  ]);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made of O's own operations
  return Object.fromEntries(handlers) as Served<O>;
}

function letIn(context: CallContext): IncomingCall {
  if (!isLetIn(context)) throw new Error(`${context.method} was not authorised`);
  // The context itself, and no copy: it computes most of its fields only when they are read.
  return context;
}

const isLetIn = (context: CallContext): context is CallContext & IncomingCall => context.identity !== undefined;
