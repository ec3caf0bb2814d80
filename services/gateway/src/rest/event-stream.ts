import type { Refusal } from "@ccsp/errors";
import { createStreamWriter, pump, refusalFor, SLOW_READER } from "@ccsp/grpc-kit";
import { toJson } from "@ccsp/protos/json.js";
import { pause } from "@ccsp/timing";
import type { FastifyReply } from "fastify";
import type { Logger } from "pino";
import type { HttpCall } from "../http/http-call.js";
import type { HttpCalls } from "../http/http-calls.js";
import { problemOf } from "../http/problem.js";

/** A stream without a message for this long gets its headers anyway. A refusal usually comes sooner, as a problem. */
const FIRST_MS = 300;
/** Proxies close connections on which nothing moves, often after a minute. */
const HEARTBEAT_MS = 15_000;
/** As for streams of gRPC. */
const STALLED_MS = 60_000;

export interface StreamOptions {
  readonly calls: HttpCalls;
  readonly call: HttpCall;
  readonly log: Logger;
  readonly contentType: string;
  readonly messages: AsyncIterable<object>;
  readonly encode: (message: object) => string;
  /** Sent when all messages were sent. */
  readonly end?: string;
  /** Sent when the stream ends early. Without it, the connection breaks off, so that nobody takes a part for the whole. */
  readonly failed?: (refusal: Refusal) => string;
  /** Sent while there are no messages. */
  readonly heartbeat?: string;
}

/**
 * Answers with a stream, no faster than its reader takes it and within the caller's bound on what is unread. What fails
 * before the first message is thrown, so that it becomes a problem. A stream without a message is 204, which tells an
 * EventSource not to come back.
 */
export async function sendStream(reply: FastifyReply, options: StreamOptions): Promise<FastifyReply> {
  const { calls, call, log, contentType, messages, encode, end, failed, heartbeat } = options;
  calls.isStream(call);
  const iterator = messages[Symbol.asyncIterator]();
  const first = call.unlessStopped(iterator.next());
  const early = await (heartbeat === undefined ? first : Promise.race([first, pause(FIRST_MS, call.signal)]));
  if (early?.done) return reply.code(204).send();

  const { raw } = reply.hijack();
  raw.on("error", () => call.end());
  for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value);
  // The connection ends with the stream: a server that stops ends its streams, and their readers have to go elsewhere.
  raw.shouldKeepAlive = false;
  raw.writeHead(200, {
    "content-type": contentType,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    // Tells nginx to pass each event on at once.
    "x-accel-buffering": "no",
  });
  raw.flushHeaders();
  const stalled = () => call.stop(SLOW_READER);
  const write = (bytes: Buffer, taken: () => void) => raw.write(bytes, taken);
  const writer = createStreamWriter(write, call, { stalledMs: STALLED_MS, stalled });
  const beat = setInterval(() => void (raw.writableNeedDrain || raw.write(heartbeat ?? "")), HEARTBEAT_MS);
  const send = async (message: object) => {
    await writer.send(Buffer.from(encode(message)));
    call.count();
  };
  try {
    await pump(continued(first, iterator), send, call, log);
    await writer.flushed();
    raw.end(end);
  } catch (error) {
    const refusal = refusalFor(error, call, log);
    if (failed) raw.end(failed(refusal));
    else raw.destroy();
  } finally {
    clearInterval(beat);
  }
  return reply;
}

async function* continued<M>(first: Promise<IteratorResult<M>>, rest: AsyncIterator<M>): AsyncGenerator<M, void> {
  try {
    for (let next = await first; !next.done; next = await rest.next()) yield next.value;
  } finally {
    // Not awaited: a generator that waits for something else ends only through its signal.
    rest.return?.().catch(() => undefined);
  }
}

/** Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html */
export const EVENTS = {
  contentType: "text/event-stream",
  heartbeat: ": the stream is open\n\n",
  /** A caller that gets it has everything, and closes the stream. An EventSource would open it again. */
  end: "event: end\ndata: {}\n\n",
  failed: (refusal: Refusal) => `event: problem\ndata: ${JSON.stringify(problemOf(refusal))}\n\n`,
} as const;

/**
 * The encoder of a stream of this type. The entry of a task's log has its sequence as id and its kind as name. Another
 * message has one field, whose name and value it becomes, or several: then its name is `message`.
 */
export function eventEncoder(typeName: string): (message: object) => string {
  return (message) => {
    const json: object = Object(toJson(typeName, message));
    const [[name, value] = ["message", json], ...others] = Object.entries(json);
    if (name === "event") {
      const { sequence } = value;
      return `id: ${sequence}\nevent: ${kindOf(message)}\ndata: ${JSON.stringify(value)}\n\n`;
    }
    const [event, data] = others.length === 0 ? [name, value] : ["message", json];
    return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
  };
}

/** The kind of an entry of a log: `textDelta`. */
function kindOf(message: object): string {
  const { event } = Object(Reflect.get(message, "event"));
  return String(Object(event).$case ?? "unknown");
}
