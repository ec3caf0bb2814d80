import { type FieldViolation, invalidFields } from "@ccsp/errors";
import { fieldNamed } from "@ccsp/protos/descriptor.js";
import { fromJson, JsonFault } from "@ccsp/protos/from-json.js";
import type { FastifyRequest } from "fastify";
import { queryJson, setField } from "./query.js";
import type { Route } from "./routes.js";

/** The fields of the request that are in the path, in its order. */
export const pathFields = ({ path }: Route): string[] =>
  [...path.matchAll(/\{([\w.]+)\}/g)].map(([, field = ""]) => field);

/** The name of a field in URLs: `name` of `budget.name`. */
export const lastPart = (field: string): string => field.slice(field.lastIndexOf(".") + 1);

type Sent = Pick<FastifyRequest, "body" | "headers" | "params" | "raw">;

/**
 * The message of a request. Fields come from the path, and the others from the query of a GET and a DELETE, or from the
 * body of a POST and a PUT. The header `Idempotency-Key` is the field `requestId`. Refuses with INVALID_FIELD.
 */
export function readRequest(route: Route, typeName: string, request: Sent): object {
  const json = ["GET", "DELETE"].includes(route.method) ? fromUrl(typeName, request) : fromBody(request);
  const faults: FieldViolation[] = [];
  const put = (field: string, value: unknown, source: string) => {
    if (!setField(json, field, value)) faults.push({ field, description: `is not the same as in ${source}` });
  };
  const params: Readonly<Record<string, string>> = Object(request.params);
  for (const field of pathFields(route)) put(field, params[lastPart(field)], "the path");
  const key = request.headers["idempotency-key"];
  if (key !== undefined) {
    if (fieldNamed(typeName, "requestId")) put("requestId", key, "the header Idempotency-Key");
    else faults.push({ field: "Idempotency-Key", description: "has no effect on this path, so it is refused" });
  }
  if (faults.length > 0) throw invalidFields(faults);
  try {
    return fromJson(typeName, json);
  } catch (error) {
    if (error instanceof JsonFault) throw invalidFields(error.fields);
    throw error;
  }
}

function fromUrl(typeName: string, { body, raw: { url = "" } }: Sent): Record<string, unknown> {
  if (body !== undefined)
    throw invalidFields([{ field: "the body", description: "has no meaning here: use the query" }]);
  const start = url.indexOf("?");
  return start < 0 ? {} : queryJson(typeName, new URLSearchParams(url.slice(start + 1)));
}

function fromBody({ body, raw: { url = "" } }: Sent): Record<string, unknown> {
  if (url.includes("?"))
    throw invalidFields([{ field: "the query", description: "has no meaning here: use the body" }]);
  if (body === undefined) return {};
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw invalidFields([{ field: "the body", description: "is not a JSON object" }]);
  return { ...body };
}
