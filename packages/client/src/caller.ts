import type { CallOptions } from "@ccsp/grpc-kit/client.js";
import { AuthenticationError } from "./errors.js";
import { createPatience, type Patience } from "./patience.js";

/** A token, or a function that returns one. The client asks for it before every call, so that it can be renewed. */
export type Token = string | (() => string | Promise<string>);

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
  patience(settings: CallSettings, mostMs?: number): Patience;
  unary<T>(settings: CallSettings, call: (options: CallOptions) => Promise<T>): Promise<T>;
}

export interface CallerOptions {
  readonly token: Token;
  readonly resumeMs: number;
  /** Ends every call. */
  readonly closed: AbortSignal;
}

export function createCaller({ token, resumeMs, closed }: CallerOptions): Caller {
  const until = (signal: AbortSignal | undefined) => (signal ? AbortSignal.any([signal, closed]) : closed);
  const caller: Caller = {
    async options({ signal: given, traceparent }) {
      const signal = until(given);
      signal.throwIfAborted();
      const authorization = `Bearer ${sendable(typeof token === "string" ? token : await token())}`;
      const metadata = { authorization, ...(traceparent !== undefined && { traceparent }) };
      signal.throwIfAborted();
      return { metadata, signal };
    },
    patience: ({ signal }, mostMs = resumeMs) => createPatience(Math.min(resumeMs, mostMs), until(signal)),
    async unary(settings, call) {
      const patience = caller.patience(settings);
      for (;;) {
        const options = await caller.options(settings);
        try {
          return await call({ ...options, timeoutMs: patience.tryMs() });
        } catch (error) {
          await patience.waitForRetry(error);
        }
      }
    },
  };
  return caller;
}

/** A message of gRPC about a value that cannot be sent would contain the token. */
function sendable(token: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw token === ""
    ? new AuthenticationError("TOKEN_MISSING", "the token is empty")
    : new AuthenticationError("TOKEN_INVALID", "the token has characters that are not allowed, such as a line break");
}
