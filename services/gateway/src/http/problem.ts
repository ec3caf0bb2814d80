import { STATUS_CODES } from "node:http";
import { type Reason, Refusal } from "@ccsp/errors";
import { STATUS_OF } from "@ccsp/grpc-kit";
import { status } from "@grpc/grpc-js";
import type { FastifyReply } from "fastify";

/** A fault that only HTTP has, such as a path that does not exist. It has no reason, because gRPC has none for it. */
export class HttpFault extends Error {
  override readonly name = "HttpFault";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(httpStatus: number, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(detail);
    this.status = httpStatus;
    this.headers = headers;
  }
}

/**
 * The HTTP status of each status of gRPC with which CCSP refuses. Google's mapping answers 400 for FAILED_PRECONDITION.
 * Here it is 409, because such a request is right and the state of the task or of the queue is against it.
 */
const HTTP_STATUS: Partial<Record<status, number>> = {
  [status.INVALID_ARGUMENT]: 400,
  [status.UNAUTHENTICATED]: 401,
  [status.PERMISSION_DENIED]: 403,
  [status.NOT_FOUND]: 404,
  [status.ALREADY_EXISTS]: 409,
  [status.ABORTED]: 409,
  [status.FAILED_PRECONDITION]: 409,
  [status.RESOURCE_EXHAUSTED]: 429,
  [status.CANCELLED]: 499,
  [status.UNAVAILABLE]: 503,
  [status.DEADLINE_EXCEEDED]: 504,
};

const httpStatusOf = (reason: Reason): number =>
  reason === "MESSAGE_TOO_LARGE" ? 413 : (HTTP_STATUS[STATUS_OF[reason]] ?? 500);

/** The body of an error, as RFC 9457 wants it, with the details that gRPC's errors have. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly reason?: Reason;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly fields?: Refusal["fields"];
  readonly retryAfterMs?: number;
  readonly quota?: Refusal["quota"];
  readonly preconditions?: Refusal["preconditions"];
}

export function problemOf(fault: Refusal | HttpFault): Problem {
  const { message: detail } = fault;
  if (fault instanceof HttpFault) {
    return { type: "about:blank", title: STATUS_CODES[fault.status] ?? "Error", status: fault.status, detail };
  }
  const { reason, metadata, fields, retryAfterMs, quota, preconditions } = fault;
  const words = reason.toLowerCase().replaceAll("_", " ");
  return {
    type: `urn:ccsp:reason:${reason}`,
    title: `${words.charAt(0).toUpperCase()}${words.slice(1)}`,
    status: httpStatusOf(reason),
    detail,
    reason,
    ...(Object.keys(metadata).length > 0 && { metadata }),
    ...(fields.length > 0 && { fields }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(quota.length > 0 && { quota }),
    ...(preconditions.length > 0 && { preconditions }),
  };
}

/** Answers with `application/problem+json`. */
export function problem(reply: FastifyReply, fault: Refusal | HttpFault): FastifyReply {
  const body = problemOf(fault);
  // As bytes, because fastify adds a charset to a text, and JSON has none.
  return tellFault(reply, fault, body)
    .type("application/problem+json")
    .send(Buffer.from(JSON.stringify(body)));
}

/** Sets the status of a problem and the headers that belong to it. */
export function tellFault(reply: FastifyReply, fault: Refusal | HttpFault, { status, retryAfterMs }: Problem) {
  if (fault instanceof HttpFault) reply.headers(fault.headers);
  if (status === 401) reply.header("www-authenticate", "Bearer");
  if (retryAfterMs !== undefined) reply.header("retry-after", String(Math.ceil(retryAfterMs / 1_000)));
  return reply.code(status);
}

const TEXT = { type: "string" } as const;
const TEXTS = { type: "object", additionalProperties: TEXT } as const;
const listOf = (...names: readonly string[]) => ({
  type: "array",
  items: { type: "object", properties: Object.fromEntries(names.map((name) => [name, TEXT])), required: names },
});

/** The JSON Schema of a `Problem`. */
export const PROBLEM_SCHEMA = {
  type: "object",
  properties: {
    type: TEXT,
    title: TEXT,
    status: { type: "integer" },
    detail: TEXT,
    reason: { ...TEXT, description: "The reason, as gRPC has it. A newer CCSP may have more" },
    metadata: TEXTS,
    fields: listOf("field", "description"),
    retryAfterMs: { type: "number" },
    quota: listOf("subject", "description"),
    preconditions: listOf("type", "subject", "description"),
  },
  required: ["type", "title", "status", "detail"],
} as const;
