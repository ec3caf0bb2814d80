import type { Reason } from "@ccsp/errors";
import { CallError, type CallOptions, connectionFault, whyUnreachable } from "@ccsp/grpc-kit/client.js";
import { status } from "@grpc/grpc-js";
import type { Doubt } from "./doubt.js";
import { AuthenticationError, UnavailableError } from "./errors.js";
import { createPatience, type Patience } from "./patience.js";
import type { TokenSource } from "./token.js";

/** Settings that every call accepts. */
export interface CallSettings {
  /** Ends the call and all waiting. The call throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** W3C trace context that the call continues, instead of the active span. For agents without an OpenTelemetry SDK. */
  readonly traceparent?: string | undefined;
}

/** Makes calls as one agent: adds the token, and repeats failed calls when a repeat may help. */
export interface Caller {
  /** The options for the next call. Throws the signal's reason when the call must not be made. */
  options(settings: CallSettings): Promise<CallOptions>;
  /** With `mostMs`, the patience lasts at most that long, even if the client's own patience is longer. */
  patience(settings: CallSettings, mostMs?: number): CallPatience;
  /** `doubt` is needed for a call that changes something. */
  unary<T>(settings: CallSettings, call: (options: CallOptions) => Promise<T>, doubt?: Doubt): Promise<T>;
}

/** `waitForRetry` gets the options of the call that failed. They have its token, which may no longer count. */
export interface CallPatience extends Pick<Patience, "progressed" | "tryMs"> {
  waitForRetry(error: unknown, failed: CallOptions): Promise<void>;
}

export interface CallerOptions {
  /** Target of the gateway, for messages. */
  readonly target: string;
  readonly tokens: TokenSource;
  readonly resumeMs: number;
  readonly connectMs: number;
  /** Ends every call. */
  readonly closed: AbortSignal;
}

export function createCaller({ target, tokens, resumeMs, connectMs, closed }: CallerOptions): Caller {
  const until = (signal: AbortSignal | undefined) => (signal ? AbortSignal.any([signal, closed]) : closed);
  const gateway = { target, reached: false };
  const caller: Caller = {
    async options({ signal: given, traceparent }) {
      const signal = until(given);
      const authorization = BEARER + sendable(await unlessAborted(() => tokens.get(), signal));
      return { metadata: { authorization, ...(traceparent !== undefined && { traceparent }) }, signal };
    },
    patience({ signal }, mostMs = Number.POSITIVE_INFINITY) {
      const limitMs = () => Math.min(mostMs, gateway.reached ? resumeMs : connectMs);
      return createCallPatience(createPatience(limitMs, until(signal)), gateway, tokens);
    },
    async unary(settings, call, doubt) {
      const patience = caller.patience(settings);
      try {
        for (;;) {
          const options = await caller.options(settings);
          try {
            const answer = await call({ ...options, timeoutMs: patience.tryMs() });
            patience.progressed();
            return answer;
          } catch (error) {
            doubt?.saw(error);
            await patience.waitForRetry(error, options);
          }
        }
      } catch (error) {
        throw doubt ? doubt.explain(error) : error;
      }
    },
  };
  return caller;
}

const BEARER = "Bearer ";

/** The agent's function for the token may take long, or never answer. */
async function unlessAborted<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let abort = () => {};
  // Node 20, on which this SDK runs, has no Promise.withResolvers.
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
  });
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([ask(), aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

interface Gateway {
  readonly target: string;
  /** Whether a gateway has ever answered this client, or has at least taken a call of it. */
  reached: boolean;
}

/** A new token may help, if there is one. */
const RENEWABLE: readonly unknown[] = ["TOKEN_EXPIRED", "TOKEN_REVOKED"] satisfies Reason[];

/** A call that waits for a connection until its deadline ends with another code. A gateway that is slow is there. */
const SENT = status.DEADLINE_EXCEEDED;

/** Adds what a client learns from its calls: whether its target is right, and that its token no longer counts. */
function createCallPatience(patience: Patience, gateway: Gateway, tokens: TokenSource): CallPatience {
  let renewed = false;
  let fault: string | undefined;
  return {
    ...patience,
    progressed() {
      gateway.reached = true;
      renewed = false;
      patience.progressed();
    },
    async waitForRetry(error, { metadata }) {
      if (error instanceof CallError && (error.answered || error.code === SENT)) gateway.reached = true;
      fault = connectionFault(error) ?? fault;
      if (!renewed && error instanceof CallError && RENEWABLE.includes(error.reason)) {
        renewed = tokens.renew(String(metadata?.["authorization"]).slice(BEARER.length));
        if (renewed) return;
      }
      try {
        await patience.waitForRetry(error);
      } catch (final) {
        if (gateway.reached || !(final instanceof UnavailableError)) throw final;
        const message = `no gateway could be reached at ${await whyUnreachable(gateway.target, fault)}`;
        throw new UnavailableError(final.reason, message, { cause: final });
      }
    },
  };
}

/** A message of gRPC about a value that cannot be sent would contain the token. */
function sendable(token: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw token === ""
    ? new AuthenticationError("TOKEN_MISSING", "the token is empty")
    : new AuthenticationError("TOKEN_INVALID", "the token has characters that are not allowed, such as a line break");
}
