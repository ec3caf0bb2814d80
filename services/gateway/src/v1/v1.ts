import type { Refusal } from "@ccsp/errors";
import { authorise } from "@ccsp/identity";
import { accessOf } from "@ccsp/protos/access.js";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { HttpDeps } from "../http/deps.js";
import { takeJson } from "../http/json-body.js";
import { HttpFault, problemOf, tellFault } from "../http/problem.js";
import { CONTROL_ROUTES } from "./control-routes.js";
import { QUEUE_ROUTES } from "./queue-routes.js";
import type { V1Answer, V1Route } from "./route.js";
import { STATS_ROUTES } from "./stats-routes.js";

/** Every path of the predecessor's management API but `/health`, which needs no caller. */
export const V1_ROUTES: readonly V1Route[] = [...QUEUE_ROUTES, ...STATS_ROUTES, ...CONTROL_ROUTES];

/** RFC 9745: since when the paths are deprecated. RFC 8594: from when on they may be gone. */
const DEPRECATION = `@${Date.UTC(2026, 0, 1) / 1_000}`;
const SUNSET = new Date(Date.UTC(2027, 11, 31)).toUTCString();

/**
 * Serves the predecessor's paths below `prefix`, over the same calls as `/api/v2`. docs/rest-v1.md says what differs
 * from the predecessor.
 */
export function v1(app: FastifyInstance, deps: HttpDeps, { prefix }: { readonly prefix: string }): void {
  takeJson(app);
  const link = `<${prefix}>; rel="deprecation", </api/v2/openapi.json>; rel="successor-version"`;
  app.addHook("onRequest", async (_request, reply) => {
    reply.headers({ deprecation: DEPRECATION, sunset: SUNSET, link });
  });
  app.setErrorHandler((error, request, reply) => failed(reply, deps.faultOf(error, request)));
  app.get(prefix, () => ({ success: true, data: V1_ROUTES.map(replacement), timestamp: timestamp() }));
  app.get(`${prefix}/health`, (_request, reply) => succeeded(reply, { data: { status: "healthy" } }));
  for (const route of V1_ROUTES) serve(app, deps, `${prefix}${route.path}`, route);
  app.all(`${prefix}/*`, {
    // Before a body is read.
    onRequest: async ({ method, url }) => {
      throw new HttpFault(404, `${method} ${url.split("?", 1)[0]} is not a path of this API`);
    },
    handler: async () => undefined,
  });
}

const replacement = ({ method, path, instead }: V1Route) => ({ method, path, instead });

function serve(app: FastifyInstance, { calls, agents, operators }: HttpDeps, url: string, route: V1Route): void {
  const { method, rpcs, handle } = route;
  const paths = rpcs.map((rpc) => `/ccsp.gateway.v1.${rpc}`);
  const mayAll = async (request: FastifyRequest): Promise<void> => {
    const { identity } = calls.admitted(request).call;
    for (const path of paths) authorise(accessOf(path)?.scopes ?? [], identity);
  };
  app.route({
    method,
    url,
    exposeHeadRoute: false,
    onRequest: [calls.admit(paths[0] ?? ""), mayAll],
    handler: async (request, reply) => {
      const { call } = calls.admitted(request);
      const [params, query, body] = [request.params, request.query, request.body].map(fieldsOf);
      const input = { agents, operators, call, params: params ?? {}, query: query ?? {}, body: body ?? {} };
      return succeeded(reply, await call.unlessStopped(handle(input)));
    },
  });
}

function fieldsOf(input: unknown): Record<string, unknown> {
  if (input === undefined || input === null) return {};
  if (typeof input === "object" && !Array.isArray(input)) return { ...input };
  throw new HttpFault(400, "the body is not a JSON object");
}

const timestamp = (): string => new Date().toISOString();

function succeeded(reply: FastifyReply, { status = 200, data, message }: V1Answer): FastifyReply {
  return reply
    .code(status)
    .send({ success: true, ...(data && { data }), ...(message && { message }), timestamp: timestamp() });
}

/** The predecessor's envelope for an error. `details` is the problem of `/api/v2`. */
function failed(reply: FastifyReply, fault: Refusal | HttpFault): FastifyReply {
  const problem = problemOf(fault);
  const { status: _status, detail, title, type: _type, ...details } = problem;
  return tellFault(reply, fault, problem).send({
    success: false,
    error: detail || title,
    details,
    timestamp: timestamp(),
  });
}
