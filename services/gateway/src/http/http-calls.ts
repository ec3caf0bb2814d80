import type { ServerResponse } from "node:http";
import { Refusal } from "@ccsp/errors";
import { type CallerBounds, callerAddress, callerName, type ObserveCall, SHUTTING_DOWN } from "@ccsp/grpc-kit";
import type { Identity } from "@ccsp/identity";
import { status } from "@grpc/grpc-js";
import type { FastifyReply, FastifyRequest, onRequestAsyncHookHandler } from "fastify";
import type { Guard } from "../application/guard.js";
import type { RateLeft } from "../limits/shared-rate.js";
import { credentialsOf, peerOf } from "./credentials.js";
import { HttpCall } from "./http-call.js";

export interface HttpCallsOptions {
  readonly guard: Pick<Guard, "admitToFirst">;
  /** Shared with gRPC, so that a caller who uses both has each bound once. */
  readonly callers: CallerBounds;
  /** What the caller has left of its limit of requests. */
  readonly requestsLeft?: (identity: Identity) => RateLeft | undefined;
  /** Called for each request that is over, with the RPC that it stands for. */
  readonly observe?: ObserveCall;
}

const GAVE_UP = new Refusal("CALL_CANCELLED", "the caller gave up");

/** A request that was let in, and the RPC that it stands for. */
export interface Admitted {
  readonly path: string;
  readonly call: HttpCall;
}

/** The calls of the HTTP server: it lets them in, bounds them, and stops them. */
export class HttpCalls {
  readonly #options: HttpCallsOptions;
  readonly #admitted = new WeakMap<FastifyRequest, Admitted>();
  readonly #streams = new Set<HttpCall>();
  readonly #unary = new Set<HttpCall>();
  #leaving = false;
  #noStreams = false;
  #stopped = false;

  constructor(options: HttpCallsOptions) {
    this.#options = options;
  }

  /**
   * Returns an `onRequest` hook, which runs before the body is read. It lets in who may make one of these RPCs: the
   * first one that the caller's scopes allow. `admitted` then has the call.
   */
  admit(...paths: readonly string[]): onRequestAsyncHookHandler {
    return async (request, reply) => {
      const { guard, observe, requestsLeft } = this.#options;
      const beganMs = performance.now();
      let rpc = paths.at(-1) ?? "";
      reply.raw.once("close", () => observe?.(rpc, codeOf(reply.raw), (performance.now() - beganMs) / 1_000));
      const known = (of: Identity) => tellLimit(reply, requestsLeft?.(of));
      const { path, identity } = await guard.admitToFirst(paths, credentialsOf(request), known);
      rpc = path;
      const call = this.incomingCall(request, reply, identity);
      this.#admitted.set(request, { path, call });
      if (hasBody(request)) await this.#enter(request, reply, identity);
    };
  }

  /** The call of a request that an `admit` let in. */
  admitted(request: FastifyRequest): Admitted {
    const admitted = this.#admitted.get(request);
    if (!admitted) throw new Error(`${request.method} ${request.url} was not authorised`);
    return admitted;
  }

  callOf(request: FastifyRequest): HttpCall | undefined {
    return this.#admitted.get(request)?.call;
  }

  /** Makes the call of a caller who has proven this identity. It ends with the reply, or with its connection. */
  incomingCall(request: FastifyRequest, reply: FastifyReply, identity: Identity): HttpCall {
    this.check();
    // Its connection may have closed during the proof. Nothing would end such a call, because no `close` comes any more.
    if (reply.raw.destroyed) throw GAVE_UP;
    const { callers } = this.#options;
    const peer = peerOf(request);
    const state = callers.stateOf(callerName(identity, peer));
    state?.check();
    const call = new HttpCall({
      identity,
      peer,
      socket: request.socket,
      method: `${request.method} ${request.routeOptions.url ?? ""}`,
      unreadOf: (signal) => callers.unreadOf(signal),
      metered: callers.meter?.began(identity, callerAddress(peer)),
      ended: () => {
        this.#unary.delete(call);
        this.#streams.delete(call);
      },
    });
    this.#unary.add(call);
    reply.raw.once("close", () => {
      if (!reply.raw.writableFinished) {
        // To leave is the only way to end a stream, so it counts only for calls with one answer.
        if (this.#unary.has(call)) callers.stateOf(callerName(identity, peer))?.abandon(peer);
        call.stop(GAVE_UP);
      }
      call.end();
    });
    return call;
  }

  /** From now on, the call is a stream: a server that stops does not wait for its end. */
  isStream(call: HttpCall): void {
    if (this.#noStreams) throw SHUTTING_DOWN;
    if (this.#unary.delete(call)) this.#streams.add(call);
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  /** The server is about to stop: each answer has to end its connection, so that its client goes to another server. */
  get leaving(): boolean {
    return this.#leaving;
  }

  leave(): void {
    this.#leaving = true;
  }

  /** Refuses a request that comes too late. */
  check(): void {
    if (this.#stopped) throw SHUTTING_DOWN;
  }

  /** Ends all streams, and begins no more. Other calls are still let in: their clients have no other connection yet. */
  stopStreams(): void {
    this.#noStreams = true;
    for (const call of this.#streams) call.stop(SHUTTING_DOWN);
  }

  /** Ends the other calls, and lets in no more. Returns their number. */
  stopUnary(): number {
    this.#stopped = true;
    const open = [...this.#unary];
    for (const call of open) call.stop(SHUTTING_DOWN);
    return open.length;
  }

  /** Waits until the caller may send one more body. The wait ends with its body. */
  #enter(request: FastifyRequest, reply: FastifyReply, identity: Identity): Promise<void> {
    const state = this.#options.callers.stateOf(callerName(identity, peerOf(request)));
    if (!state) return Promise.resolve();
    return new Promise((resolve) => {
      const leave = state.begin(resolve);
      request.raw.once("end", leave);
      reply.raw.once("close", () => {
        leave();
        resolve();
      });
    });
  }
}

/** https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/ (version 10) */
function tellLimit(reply: FastifyReply, rate: RateLeft | undefined): void {
  if (!rate) return;
  const { points, windowMs, left, resetMs } = rate;
  reply.header("ratelimit-policy", `"requests";q=${Math.floor(points)};w=${Math.ceil(windowMs / 1_000)}`);
  reply.header("ratelimit", `"requests";r=${left};t=${Math.ceil(resetMs / 1_000)}`);
}

const hasBody = ({ headers }: FastifyRequest): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;

/** The status of gRPC for the objectives: they tell only what went well, what CCSP failed at, and the rest apart. */
function codeOf({ statusCode, writableFinished }: ServerResponse): status {
  if (!writableFinished) return status.CANCELLED;
  if (statusCode < 400) return status.OK;
  return FAILURES.get(statusCode) ?? status.FAILED_PRECONDITION;
}

const FAILURES: ReadonlyMap<number, status> = new Map([
  [500, status.INTERNAL],
  [503, status.UNAVAILABLE],
  [504, status.DEADLINE_EXCEEDED],
]);
