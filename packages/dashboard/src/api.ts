import { signal } from "@preact/signals";
import type { Answer, Request, Route } from "./routes.js";
import type { Part } from "./wire.js";

type Method<R extends Route> = R extends `${infer M} ${string}` ? M : never;
type PathNames<R extends string> = R extends `${string}{${infer Name}}${infer Rest}` ? Name | PathNames<Rest> : never;
type QueryValue = string | number | boolean | undefined | readonly string[];

interface QueryInput {
  /** Fields of the request message, with dots for nested ones: `filter.agentId`. Undefined ones are left out. */
  readonly query?: Readonly<Record<string, QueryValue>>;
}
interface BodyInput<R extends Route> {
  /** The request message without the fields of the path. */
  readonly body?: Part<Request<R>>;
}
interface PathInput<R extends Route> {
  readonly path: Readonly<Record<PathNames<R>, string>>;
}

/** What the inputs of all routes may have. */
interface AnyInput extends QueryInput {
  readonly path?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export type Input<R extends Route> = (PathNames<R> extends never ? unknown : PathInput<R>) &
  (Method<R> extends "GET" | "DELETE" ? QueryInput : BodyInput<R>);

/** What the gateway says when it refuses (RFC 9457), and what a page says when no answer came. */
interface Problem {
  readonly status: number;
  /** A reason of docs/troubleshooting.md, or `UNREACHABLE`. */
  readonly reason: string;
  readonly detail: string;
  readonly fields: readonly { readonly field: string; readonly description: string }[];
  readonly retryAfterMs: number | undefined;
}

/** A call that did not work. `<Failure>` shows what happened, what was not lost, and what to do. */
export class ApiError extends Error {
  readonly problem: Problem;
  /** The call would have changed something. Then `UNREACHABLE` does not say whether it did. */
  readonly changes: boolean;

  constructor(problem: Problem, changes: boolean) {
    super(problem.detail);
    this.problem = problem;
    this.changes = changes;
  }
}

/** The proof of who is here has expired or was revoked: the sign-in page is shown, and then this address again. */
export const signedOut = signal(false);

/** Calls a path of the REST API. Throws an `ApiError`. */
export async function call<R extends Route>(route: R, input: Input<R>, signal?: AbortSignal): Promise<Answer<R>> {
  const [method = "GET", template = ""] = route.split(" ");
  const { path = {}, query, body }: AnyInput = input;
  const filled = template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(path[name] ?? ""));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the route says what its answer is
  return (await send(method, `/api/v2${filled}${queryText(query)}`, body, signal)) as Answer<R>;
}

/** The answer of a call, or why it did not work. */
export type Outcome<Data> =
  | { readonly answer: Data; readonly error?: undefined }
  | { readonly answer?: undefined; readonly error: ApiError };

/** Waits for a call that may be refused. */
export async function outcome<Data>(calling: Promise<Data>): Promise<Outcome<Data>> {
  try {
    return { answer: await calling };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { error };
  }
}

const PROBE_MS = 5_000;

/** Whether the gateway answers a small request soon. A refusal is an answer. */
export async function answersSoon(): Promise<boolean> {
  const { error } = await outcome(send("GET", "/session", undefined, AbortSignal.timeout(PROBE_MS)));
  return error?.problem.status !== 0;
}

/** The requests that wait for an answer, with the time when each began. */
const waiting = new Map<AbortController, number>();

/** Ends the requests that wait since then or longer, because the network is cut. Each fails as `UNREACHABLE`. */
export function giveUpRequests(since: Date): void {
  for (const [request, began] of waiting) if (began <= since.getTime()) request.abort();
}

/** Sends a request to the gateway's own origin, and reads JSON. Throws an `ApiError`. */
export async function send(method: string, url: string, body?: unknown, signal?: AbortSignal): Promise<unknown> {
  const changes = method !== "GET";
  const headers: Record<string, string> = { accept: "application/json" };
  // Only a page of this origin can set this header: the gateway's proof that no other site made the request.
  if (changes) headers["x-ccsp-csrf"] = "1";
  if (changes && method !== "DELETE") headers["content-type"] = "application/json";
  const payload = headers["content-type"] ? { body: JSON.stringify(body ?? {}) } : {};
  const request = new AbortController();
  waiting.set(request, Date.now());
  const either = AbortSignal.any(signal ? [request.signal, signal] : [request.signal]);
  const read = async () => {
    const response = await fetch(url, { method, headers, ...payload, signal: either });
    return { response, text: await response.text() };
  };
  const { response, text } = await read()
    .catch((cause: Error) => {
      throw new ApiError(unreachable(cause.message), changes);
    })
    .finally(() => waiting.delete(request));
  const answer = parsed(text);
  if (response.ok) return answer;
  if (response.status === 401 && !url.startsWith("/session")) signedOut.value = true;
  throw new ApiError(problemOf(response, answer), changes);
}

/** An id for a request that may be sent twice. Browsers have `crypto.randomUUID` only with TLS. */
export const newRequestId = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

function queryText(query: QueryInput["query"] = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== undefined && each !== "") search.append(name, String(each));
    }
  }
  return search.size === 0 ? "" : `?${search}`;
}

function parsed(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

function problemOf({ status, statusText }: Response, answer: Record<string, unknown>): Problem {
  const { reason, detail, title, fields, retryAfterMs } = answer;
  return {
    status,
    reason: typeof reason === "string" ? reason : "INTERNAL",
    detail: [detail, title].find((text) => typeof text === "string") ?? statusText,
    fields: Array.isArray(fields) ? fields : [],
    retryAfterMs: typeof retryAfterMs === "number" ? retryAfterMs : undefined,
  };
}

const unreachable = (detail: string): Problem => ({
  status: 0,
  reason: "UNREACHABLE",
  detail,
  fields: [],
  retryAfterMs: undefined,
});
