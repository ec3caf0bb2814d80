import { Refusal } from "@ccsp/errors";
import { type handleServerStreamingCall, type handleUnaryCall, type ServerWritableStream, status } from "@grpc/grpc-js";
import type { Span } from "@opentelemetry/api";
import type { Logger } from "pino";
import { type CallContext, type IncomingCall, OpenCall } from "./call-context.js";
import { CallError } from "./call-error.js";
import { endServedSpan, type InCallSpan } from "./call-span.js";
import type { UnreadBytes } from "./caller-room.js";
import { refusalFor } from "./failures.js";
import type { ObserveCall } from "./metrics.js";
import { createOutlet } from "./outlet.js";
import { encodeRefusal } from "./status-details.js";

/** What one server shares with the calls that it serves. */
export interface Serving {
  readonly log: Logger;
  readonly observe: ObserveCall;
  /** Told of each connection and call that a bound keeps out. */
  readonly refused: (limit: string) => void;
  /** The full names of the methods whose calls have a span. */
  readonly traced: ReadonlySet<string>;
  /** Calls under way, for the server to end when it stops. */
  readonly streams: Set<OpenCall>;
  readonly unary: Set<OpenCall>;
  /** Set when the server ends its streams: new ones are refused. */
  stopping: boolean;
  /** How long a stream may wait for its reader. */
  readonly stalledMs: number;
  /** A call that waited for longer before it was refused with DEPENDENCY_UNAVAILABLE is not repeated by its caller's channel. */
  readonly repeatWithinMs: number;
  readonly unread: UnreadBytes;
}

export const SHUTTING_DOWN = new Refusal("SHUTTING_DOWN", "this process is stopping; call again");

const SLOW_READER = new Refusal(
  "SLOW_READER",
  "nothing was read from this stream for too long; call again from the last message that was read",
);

/** The caller's channel does not repeat the call by itself (gRFC A6); the caller may. */
const NO_RETRY = ["grpc-retry-pushback-ms", "-1"] as const;

/** How one method is served. */
export interface Served<R> {
  readonly handle: (request: unknown, context: CallContext) => R;
  /** Throws what is a bug. */
  readonly encode: (response: unknown) => Buffer;
  readonly inSpan: InCallSpan;
}

/** Turns `async (request, context) => response` into grpc-js's callback shape. */
export function serveUnary(
  { handle, encode, inSpan }: Served<Promise<unknown>>,
  serving: Serving,
): handleUnaryCall<unknown, unknown> {
  const serve = async (
    span: Span | undefined,
    ...[call, callback]: Parameters<handleUnaryCall<unknown, unknown>>
  ): Promise<void> => {
    const { open, end, fail } = begin({ call, serving, underWay: serving.unary, span });
    // Once the call is over for its caller it is over here, also when the handler does not listen to its signal.
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

/** Turns `async function* (request, context)` into grpc-js's stream shape, with back-pressure. */
export function serveStream(
  { handle, encode, inSpan }: Served<AsyncIterable<unknown>>,
  serving: Serving,
): handleServerStreamingCall<unknown, unknown> {
  const serve = async (span: Span | undefined, call: ServerWritableStream<unknown, unknown>): Promise<void> => {
    const { open, end, fail } = begin({ call, serving, underWay: serving.streams, span });
    try {
      if (serving.stopping) throw SHUTTING_DOWN;
      const stalled = () => open.stop(SLOW_READER);
      const outlet = createOutlet(call, open, { stalledMs: serving.stalledMs, stalled });
      const send = (message: unknown) => outlet.send(encode(message));
      await pump(handle(call.request, open), send, open, serving.log);
      await outlet.flushed();
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
  const open = new OpenCall(call, serving.unread);
  underWay.add(open);
  const end = (code: status, why?: string) => {
    serving.observe(open.method, code, (performance.now() - started) / 1e3);
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
  // This process has tried four times already: four tries of each hop in front of it would be 16, and 64.
  if (cause instanceof CallError) return true;
  // Four tries would be four times the load, and would come sooner than it says.
  if (reason === "OVERLOADED") return true;
  // Four waits for storage that hangs would be most of the caller's time, in silence. A patient caller is told, and calls again.
  return reason === "DEPENDENCY_UNAVAILABLE" && waited;
}

/** Sends each message when the one before has left, or will soon. */
async function pump(
  messages: AsyncIterable<unknown>,
  send: (message: unknown) => Promise<void>,
  open: OpenCall,
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
    // Not awaited: a generator that waits for something else hears of it only through its signal.
    iterator.return?.().catch((err: unknown) => {
      log.warn({ err, method: open.method }, "a stream failed while it was stopped");
    });
    throw error;
  }
}
