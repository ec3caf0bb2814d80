import { invalidFields } from "@ccsp/errors";
import { methodNamed } from "@ccsp/protos/descriptor.js";
import { fromJson, JsonFault } from "@ccsp/protos/from-json.js";
import { toJson } from "@ccsp/protos/json.js";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { IncomingCall } from "../application/call.js";
import type { HttpDeps } from "../http/deps.js";
import { ROUTES, type Route } from "./routes.js";

const AGENT = "ccsp.gateway.v1.AgentService";
const OPERATOR = "ccsp.gateway.v1.OperatorService";

/** The RPCs of a route, by their names in calls. The operator's comes first. */
export const rpcsOf = ({ operator, agent }: Route): string[] => [
  ...(operator === undefined ? [] : [`/${OPERATOR}/${operator}`]),
  ...(agent === undefined ? [] : [`/${AGENT}/${agent}`]),
];

/** Serves `/api/v2`, and the same below `/api`. */
export function registerRest(app: FastifyInstance, deps: HttpDeps): void {
  for (const route of ROUTES) {
    for (const prefix of ["/api/v2", "/api"]) {
      const url = `${prefix}${route.path.replaceAll(/\{(\w+)\}/g, ":$1")}`;
      app.route({
        method: route.method,
        url,
        onRequest: deps.calls.admit(...rpcsOf(route)),
        handler: async (request, reply) => {
          const { path, call } = deps.calls.admitted(request);
          const { input, output } = methodNamed(path);
          const message = readRequest(input.typeName, request);
          const answer = await call.unlessStopped(operationOf(path, deps)(message, call));
          return reply.code(route.status ?? 200).send(toJson(output.typeName, answer));
        },
      });
    }
  }
}

function readRequest(typeName: string, { body }: FastifyRequest): object {
  try {
    return fromJson(typeName, body ?? {});
  } catch (error) {
    if (error instanceof JsonFault) throw invalidFields(error.fields);
    throw error;
  }
}

type Operation = (request: object, call: IncomingCall) => Promise<object>;

function operationOf(path: string, { agents, operators }: HttpDeps): Operation {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const operations: object = path.startsWith(`/${AGENT}/`) ? agents : operators;
  return Reflect.get(operations, `${name.charAt(0).toLowerCase()}${name.slice(1)}`);
}
