import { Refusal } from "@ccsp/errors";
import { type handleServerStreamingCall, type handleUnaryCall, type ServerWritableStream, status } from "@grpc/grpc-js";
import type { Span } from "@opentelemetry/api";
import type { Logger } from "pino";
import type { CallerBounds } from "../bounds/caller-bounds.js";
import { CallError } from "../wire/call-error.js";
import { endServedSpan, type InCallSpan } from "../wire/call-span.js";
import { encodeRefusal } from "../wire/status-details.js";
import { type CallContext, type IncomingCall, OpenCall } from "./call-context.js";
import { refusalFor } from "./failures.js";
import type { ObserveCall } from "./metrics.js";
import { createStreamWriter } from "./stream-writer.js";

/** The state that one server shares with its calls. */
export interface Serving {
  readonly log: Logger;
  readonly observe: ObserveCall;
  /** The server calls this for each connection and call that a limit refuses. */
  readonly refused: (limit: string) => void;
  /** The full names of the methods whose calls have a span. */
  readonly traced: ReadonlySet<string>;
  /** The calls in progress. The server ends them when it stops. */
  readonly streams: Set<OpenCall>;
  readonly unary: Set<OpenCall>;
  /** True once the server ends its streams. It then refuses new streams. */
  stopping: boolean;
  /** The longest time that a stream may wait for its reader, in ms. */
  readonly stalledMs: number;
  /**
   * If a call waited longer than this before its refusal with DEPENDENCY_UNAVAILABLE, the caller's channel must not
   * repeat it.
   */
  readonly repeatWithinMs: number;
  readonly callers: CallerBounds;
}

export const SHUTTING_DOWN = new Refusal("SHUTTING_DOWN", "this process is stopping; call again");

export const SLOW_READER = new Refusal(
  "SLOW_READER",
  "nothing was read from this stream for too long; call again from the last message that was read",
);

/** Forbids the caller's channel to repeat the call by itself (gRFC A6). The caller itself may repeat it. */
const NO_RETRY = ["grpc-retry-pushback-ms", "-1"] as const;

export interface Served<R> {
  readonly handle: (request: unknown, context: CallContext) => R;
  /** Throws if the response cannot be encoded, which is a bug. */
  readonly encode: (response: unknown) => Buffer;
  readonly inSpan: InCallSpan;
}

/** Adapts `async (request, context) => response` to grpc-js's callback form. */
export function serveUnary(
  { handle, encode, inSpan }: Served<Promise<unknown>>,
  serving: Serving,
): handleUnaryCall<unknown, unknown> {
  const serve = async (
    span: Span | undefined,
    ...[call, callback]: Parameters<handleUnaryCall<unknown, unknown>>
  ): Promise<void> => {
    const { open, end, fail } = begin({ call, serving, underWay: serving.unary, span });
    // When the call is over for its caller, it is over here too, even if the handler ignores its signal.
    open.onStop((refusal) => callback(fail(refusal)));
    try {
      const response = encode(await handle(call.request, open));
      await open.unread.take(response.length);
      if (open.finished) return;
      end(status.OK);
      callback(null, response);
    } catch (error) {
      if (!open.finished) callback(fail(error));
    }
  };
  return (call, callback) => inSpan(call.metadata, (span) => void serve(span, call, callback));
}

/** Adapts `async function* (request, context)` to grpc-js's stream form, with backpressure. */
export function serveStream(
  { handle, encode, inSpan }: Served<AsyncIterable<unknown>>,
  serving: Serving,
): handleServerStreamingCall<unknown, unknown> {
  const serve = async (span: Span | undefined, call: ServerWritableStream<unknown, unknown>): Promise<void> => {
    const { open, end, fail } = begin({ call, serving, underWay: serving.streams, span });
    try {
      if (serving.stopping) throw SHUTTING_DOWN;
      const stalled = () => open.stop(SLOW_READER);
      const writer = createStreamWriter((message, taken) => call.write(message, taken), open, {
        stalledMs: serving.stalledMs,
        stalled,
      });
      const send = (message: unknown) => writer.send(encode(message));
      await pump(handle(call.request, open), send, open, serving.log);
      await writer.flushed();
      end(status.OK);
      call.end();
    } catch (error) {
      call.emit("error", fail(error));
    }
  };
  return (call) => inSpan(call.metadata, (span) => void serve(span, call));
}

function begin({
  call,
  serving,
  underWay,
  span,
}: {
  call: IncomingCall;
  serving: Serving;
  underWay: Set<OpenCall>;
  span: Span | undefined;
}) {
  const started = performance.now();
  const open = new OpenCall(call, serving.callers);
  underWay.add(open);
  const end = (code: status, why?: string) => {
    serving.observe(open.method, code, (performance.now() - started) / 1e3, span?.spanContext());
    underWay.delete(open);
    open.finish();
    endServedSpan(span, code, why);
  };
  const fail = (error: unknown) => {
    const refusal = refusalFor(error, open, serving.log);
    const encoded = encodeRefusal(refusal);
    const waited = performance.now() - started >= serving.repeatWithinMs;
    if (forbidsRetry(refusal, waited)) encoded.metadata.set(...NO_RETRY);
    end(encoded.code, encoded.details);
    return encoded;
  };
  return { open, end, fail };
}

function forbidsRetry({ cause, reason }: Refusal, waited: boolean): boolean {
  // This process has tried four times already. With four tries in each hop in front of it, there would be 16 and then
  // 64 tries.
  if (cause instanceof CallError) return true;
  // Four tries would make four times the load, and they would come sooner than the refusal's `retryAfterMs` says.
  if (reason === "OVERLOADED") return true;
  // When storage hangs, four waits would use up most of the caller's time without any answer. So the caller gets the
  // refusal and can call again itself.
  return reason === "DEPENDENCY_UNAVAILABLE" && waited;
}

/** Sends each message when the previous one has left, or when few enough are waiting for the reader. */
export async function pump<M>(
  messages: AsyncIterable<M>,
  send: (message: M) => Promise<void>,
  open: Pick<OpenCall, "unlessStopped" | "method">,
  log: Logger,
): Promise<void> {
  const iterator = messages[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await open.unlessStopped(iterator.next());
      if (next.done) return;
      await send(next.value);
    }
  } catch (error) {
    // Not awaited: a generator that waits for something else ends only through its signal.
    iterator.return?.().catch((err: unknown) => {
      log.warn({ err, method: open.method }, "a stream failed while it was stopped");
    });
    throw error;
  }
}
