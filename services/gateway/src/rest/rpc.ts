import { methodNamed } from "@ccsp/protos/descriptor.js";
import type { IncomingCall } from "../application/call.js";
import type { HttpDeps } from "../http/deps.js";
import type { Route } from "./routes.js";

const AGENT = "/ccsp.gateway.v1.AgentService/";
const OPERATOR = "/ccsp.gateway.v1.OperatorService/";

/** The RPCs of a route, by their names in calls. The operator's comes first. */
export const rpcsOf = ({ operator, agent }: Route): string[] => [
  ...(operator === undefined ? [] : [`${OPERATOR}${operator}`]),
  ...(agent === undefined ? [] : [`${AGENT}${agent}`]),
];

/** One RPC as REST calls it. */
export interface Rpc {
  readonly request: string;
  readonly response: string;
  readonly answer: (request: object, call: IncomingCall) => Promise<object>;
  readonly messages: (request: object, call: IncomingCall) => AsyncIterable<object>;
}

/** The operations of both services, by the names of their RPCs in calls. */
export function rpcNamed(path: string, { agents, operators }: HttpDeps): Rpc {
  const { input, output, localName } = methodNamed(path);
  const operations: object = path.startsWith(AGENT) ? agents : operators;
  const operation: unknown = Reflect.get(operations, localName);
  if (typeof operation !== "function") throw new Error(`${path} has no operation`);
  return {
    request: input.typeName,
    response: output.typeName,
    answer: (request, call) => operation(request, call),
    messages: (request, call) => operation(request, call),
  };
}
