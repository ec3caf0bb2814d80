import type { CallOptions } from "@ccsp/grpc-kit";
import { AuthenticationError } from "./errors.js";
import { createPatience, type Patience } from "./patience.js";

/** A token, or how to get one; asked before every call, so that it can be renewed. */
export type Token = string | (() => string | Promise<string>);

/** What every call accepts. */
export interface CallSettings {
  /** Ends the call and the waiting; its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
  /** W3C context that the call continues, in place of the span that is active: for agents without an OpenTelemetry SDK. */
  readonly traceparent?: string | undefined;
}

/** Makes calls as one agent: adds the token, and repeats what is worth repeating. */
export interface Caller {
  /** What the next call is to carry. Throws the signal's reason when there shall be none. */
  options(settings: CallSettings): Promise<CallOptions>;
  /** At most `mostMs`, where the client's own is longer. */
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
          await patience.outlast(error);
        }
      }
    },
  };
  return caller;
}

/** gRPC's own message about a value that cannot be sent would repeat the token. */
function sendable(token: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw token === ""
    ? new AuthenticationError("TOKEN_MISSING", "the token is empty")
    : new AuthenticationError("TOKEN_INVALID", "the token holds characters that no token has, such as a line break");
}
