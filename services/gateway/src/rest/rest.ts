import { ExportFormat } from "@ccsp/protos/ccsp/usage/v1/usage.js";
import type { FastifyInstance, FastifyReply, FastifyRequest, onSendHookHandler } from "fastify";
import type { IncomingCall } from "../application/call.js";
import type { HttpDeps } from "../http/deps.js";
import type { HttpCall } from "../http/http-call.js";
import { takeJson } from "../http/json-body.js";
import { HttpFault } from "../http/problem.js";
import { sendAnswer } from "./answer.js";
import { readBatch, withRefused } from "./batch.js";
import { hasTag, tagOf } from "./entity-tag.js";
import { EVENTS, eventEncoder, sendStream } from "./event-stream.js";
import { sendLog } from "./log.js";
import { acceptedOf } from "./negotiation.js";
import { openApi } from "./openapi.js";
import { lastPart, readRequest } from "./request.js";
import { NOT_YET, ROUTES, type Route } from "./routes.js";
import { type Rpc, rpcNamed, rpcsOf } from "./rpc.js";

/** `/api` is the newest version. */
const PREFIXES = ["/api/v2", "/api"] as const;
const METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] as const;
const ANY_CALLER = "/ccsp.gateway.v1.OperatorService/WhoAmI";

/** Serves REST: every route of the table, its description, and a clear answer to what is not in the table. */
export function registerRest(app: FastifyInstance, deps: HttpDeps): void {
  takeJson(app);
  omitLengthOfHead(app);
  const document = Buffer.from(JSON.stringify(openApi()));
  const tag = tagOf(document);
  for (const prefix of PREFIXES) {
    for (const route of ROUTES) serve(app, prefix, route, deps);
    for (const { path, missing } of NOT_YET) {
      app.get(`${prefix}${path}`, { onRequest: deps.calls.admit(ANY_CALLER) }, async () => {
        throw new HttpFault(501, missing);
      });
    }
    app.get(`${prefix}/openapi.json`, async (request, reply) => {
      reply.headers({ etag: tag, "cache-control": "no-cache", vary: "accept-encoding" });
      return hasTag(request, tag) ? reply.code(304).send() : reply.type("application/json").send(document);
    });
    refuseOtherMethods(app, prefix);
  }
}

/**
 * An answer to HEAD has no body to count: a stream, a 304 and a compressed answer have another length than fastify says.
 * RFC 9110, 8.6 permits to omit it.
 */
function omitLengthOfHead(app: FastifyInstance): void {
  app.addHook("onRoute", (route) => {
    if (route.method !== "HEAD") return;
    const omit: onSendHookHandler = (_request, reply, payload, done) => {
      reply.removeHeader("content-length");
      done(null, payload);
    };
    // After the hook of fastify's route for HEAD, which counts.
    route.onSend = [route.onSend ?? [], omit].flat();
  });
}

/** The path as fastify wants it. */
const urlOf = (path: string): string => path.replaceAll(/\{([\w.]+)\}/g, (_, field: string) => `:${lastPart(field)}`);

function serve(app: FastifyInstance, prefix: string, route: Route, deps: HttpDeps): void {
  const rpcs = new Map(rpcsOf(route).map((path) => [path, rpcNamed(path, deps)]));
  const { calls, log } = deps;
  app.route({
    method: route.method,
    url: `${prefix}${urlOf(route.path)}`,
    exposeHeadRoute: route.method === "GET",
    onRequest: calls.admit(...rpcs.keys()),
    handler: async (request, reply) => {
      const { path, call } = calls.admitted(request);
      const rpc = rpcs.get(path);
      if (!rpc) throw new Error(`${path} is not an RPC of ${route.path}`);
      if (route.kind === "lines")
        return sendLines(readRequest(route, rpc.request, request), { rpc, call, calls, log }, request, reply);
      const type = acceptedOf(request, [route.kind === "events" ? EVENTS.contentType : "application/json"]);
      if (route.kind === "batch") {
        const { message, wrong } = readBatch(route, rpc.request, request);
        const answer = withRefused(await call.unlessStopped(rpc.answer(message, call)), wrong);
        return sendAnswer({ route, call, typeName: rpc.response, answer }, request, reply);
      }
      const message = readRequest(route, rpc.request, request);
      if (request.method === "HEAD" && route.kind !== undefined) return reply.type(type).send();
      if (route.kind === "events") {
        const messages = rpc.messages(resumed(message, request), call);
        return sendStream(reply, { calls, call, log, messages, encode: eventEncoder(rpc.response), ...EVENTS });
      }
      if (route.kind === "log") {
        const open = (own: IncomingCall) => rpc.messages({ ...message, untilNow: true }, own);
        return sendLog(request, reply, { call, typeName: rpc.response, open });
      }
      const answer = await call.unlessStopped(rpc.answer(message, call));
      return sendAnswer({ route, call, typeName: rpc.response, answer }, request, reply);
    },
  });
}

/** An EventSource that comes back says in a header which event was its last. */
function resumed(message: object, { headers }: FastifyRequest): object {
  const last = headers["last-event-id"];
  if (last === undefined || !("afterSequence" in message)) return message;
  if (typeof last !== "string" || !/^\d{1,9}$/.test(last))
    throw new HttpFault(400, "Last-Event-ID is not an id of this stream");
  return { ...message, afterSequence: Number(last) };
}

const CSV = "text/csv; charset=utf-8";
const JSON_LINES = "application/x-ndjson";

/** Answers with the lines of an export. The query says their form, or else the header Accept. */
async function sendLines(
  asked: object,
  { rpc, call, calls, log }: Pick<HttpDeps, "calls" | "log"> & { readonly rpc: Rpc; readonly call: HttpCall },
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const said: unknown = Reflect.get(asked, "format");
  const types = said ? ([said === ExportFormat.JSON_LINES ? JSON_LINES : CSV] as const) : ([CSV, JSON_LINES] as const);
  const contentType = acceptedOf(request, types);
  if (request.method === "HEAD") return reply.type(contentType).send();
  const format = contentType === JSON_LINES ? ExportFormat.JSON_LINES : ExportFormat.CSV;
  const messages = rpc.messages({ ...asked, format }, call);
  const encode = (part: object) => String(Reflect.get(part, "lines"));
  return sendStream(reply, { calls, call, log, messages, contentType, encode });
}

/** A path of the table with a method that is not in it. */
function refuseOtherMethods(app: FastifyInstance, prefix: string): void {
  const allowed = new Map<string, string[]>();
  for (const { path, method } of ROUTES) {
    const url = urlOf(path);
    // A router has one name for a parameter at one place: /budgets/{budget.name} and /budgets/{name} are the same path.
    allowed.set(url, [...(allowed.get(url) ?? []), method]);
  }
  for (const [url, methods] of allowed) {
    const others = METHODS.filter((method) => !methods.includes(method));
    if (others.length === 0) continue;
    app.route({
      method: others,
      url: `${prefix}${url}`,
      exposeHeadRoute: false,
      // Before a body is read.
      onRequest: async () => {
        throw new HttpFault(405, `this path knows only ${methods.join(", ")}`, { allow: methods.join(", ") });
      },
      handler: async () => undefined,
    });
  }
}
