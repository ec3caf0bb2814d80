import { once } from "node:events";
import { Refusal } from "@ccsp/errors";
import { type handleServerStreamingCall, type handleUnaryCall, type ServerWritableStream, status } from "@grpc/grpc-js";
import type { Logger } from "pino";
import { type CallContext, type IncomingCall, type OpenCall, openCall } from "./call-context.js";
import { CallError } from "./call-error.js";
import { refusalFor } from "./failures.js";
import type { ObserveCall } from "./metrics.js";
import { encodeRefusal } from "./status-details.js";

/** What one server shares with the calls that it serves. */
export interface Serving {
  readonly log: Logger;
  readonly observe: ObserveCall;
  /** Calls under way, for the server to end when it stops. */
  readonly streams: Set<OpenCall>;
  readonly unary: Set<OpenCall>;
  /** Set when the server ends its streams: new ones are refused. */
  stopping: boolean;
  /** How long a stream may wait for its reader. */
  readonly stalledMs: number;
}

export const SHUTTING_DOWN = new Refusal("SHUTTING_DOWN", "this process is stopping; call again");

const SLOW_READER = new Refusal(
  "SLOW_READER",
  "nothing was read from this stream for too long; call again from the last message that was read",
);

/** The caller's channel does not repeat the call by itself (gRFC A6); the caller may. */
const NO_RETRY = ["grpc-retry-pushback-ms", "-1"] as const;

type Handle<R> = (request: unknown, context: CallContext) => R;

/** Turns `async (request, context) => response` into grpc-js's callback shape. */
export function serveUnary(handle: Handle<Promise<unknown>>, serving: Serving): handleUnaryCall<unknown, unknown> {
  const serve = async (...[call, callback]: Parameters<handleUnaryCall<unknown, unknown>>) => {
    const { open, end, fail } = begin(call, serving, serving.unary);
    try {
      // Once the call is over for its caller it is over here, also when the handler does not listen to its signal.
      const response = await open.unlessStopped(handle(call.request, open.context));
      end(status.OK);
      callback(null, response);
    } catch (error) {
      callback(fail(error));
    }
  };
  return (call, callback) => void serve(call, callback);
}

/** Turns `async function* (request, context)` into grpc-js's stream shape, with back-pressure. */
export function serveStream(
  handle: Handle<AsyncIterable<unknown>>,
  serving: Serving,
): handleServerStreamingCall<unknown, unknown> {
  const serve = async (call: ServerWritableStream<unknown, unknown>) => {
    const { open, end, fail } = begin(call, serving, serving.streams);
    try {
      if (serving.stopping) throw SHUTTING_DOWN;
      await pump(handle(call.request, open.context), call, open, serving);
      end(status.OK);
      call.end();
    } catch (error) {
      call.emit("error", fail(error));
    }
  };
  return (call) => void serve(call);
}

function begin(call: IncomingCall, serving: Serving, underWay: Set<OpenCall>) {
  const started = process.hrtime.bigint();
  const open = openCall(call);
  underWay.add(open);
  const end = (code: status) => {
    serving.observe(open.context.method, code, Number(process.hrtime.bigint() - started) / 1e9);
    underWay.delete(open);
    open.finish();
  };
  const fail = (error: unknown) => {
    const refusal = refusalFor(error, open.context, serving.log);
    const encoded = encodeRefusal(refusal);
    // This process has tried four times already: four tries of each hop in front of it would be 16, and 64.
    if (refusal.cause instanceof CallError) encoded.metadata.set(...NO_RETRY);
    end(encoded.code);
    return encoded;
  };
  return { open, end, fail };
}

async function pump(
  messages: AsyncIterable<unknown>,
  call: ServerWritableStream<unknown, unknown>,
  open: OpenCall,
  { log, stalledMs }: Pick<Serving, "log" | "stalledMs">,
): Promise<void> {
  const iterator = messages[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await open.unlessStopped(iterator.next());
      if (next.done) return;
      // The client reads slower than the handler produces: wait until grpc-js has room again.
      if (!call.write(next.value)) await drained(call, open.context.signal, stalledMs);
    }
  } catch (error) {
    // Not awaited: a generator that waits for something else hears of it only through its signal.
    iterator.return?.().catch((err: unknown) => {
      log.warn({ err, method: call.getPath() }, "a stream failed while it was stopped");
    });
    throw error;
  }
}

async function drained(call: IncomingCall, signal: AbortSignal, stalledMs: number): Promise<void> {
  const late = AbortSignal.timeout(stalledMs);
  try {
    await once(call, "drain", { signal: AbortSignal.any([signal, late]) });
  } catch (error) {
    throw signal.aborted || !late.aborted ? error : SLOW_READER;
  }
}
