import { toJson } from "@ccsp/protos/json.js";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { HttpCall } from "../http/http-call.js";
import { hasTag, tagOf } from "./entity-tag.js";
import { linkToNext } from "./link.js";
import type { Route } from "./routes.js";

/**
 * Answers with the JSON of a message. A GET has an ETag, and a caller who has this answer already gets 304. A page of a
 * list has the address of the next one in the header Link.
 */
export async function sendAnswer(
  { route, call, typeName, answer }: { route: Route; call: HttpCall; typeName: string; answer: object },
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const body = Buffer.from(JSON.stringify(toJson(typeName, answer)));
  reply.header("cache-control", "private, no-cache");
  if (route.method === "GET") {
    const tag = tagOf(body);
    reply.headers({ etag: tag, vary: "authorization, cookie, origin, accept-encoding" });
    const token: unknown = Reflect.get(answer, "nextPageToken");
    if (typeof token === "string" && token !== "") reply.header("link", linkToNext(request.url, "pageToken", token));
    if (hasTag(request, tag)) return reply.code(304).send();
  }
  if (route.kind === "created") {
    reply.code(201);
    const id = createdId(answer);
    if (id !== undefined) reply.header("location", `${request.url}/${encodeURIComponent(id)}`);
  }
  await call.unread.take(body.length);
  return reply.type("application/json").send(body);
}

/** Only a task has a path of its own. */
function createdId(answer: object): string | undefined {
  const id: unknown = Reflect.get(Object(Reflect.get(answer, "task")), "id");
  return typeof id === "string" ? id : undefined;
}
