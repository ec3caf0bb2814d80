import { Refusal } from "@ccsp/errors";
import { toJson } from "@ccsp/protos/json.js";
import { within } from "@ccsp/timing";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { IncomingCall } from "../application/call.js";
import type { HttpCall } from "../http/http-call.js";
import { linkToNext } from "./link.js";

/**
 * The queue sends the entries that it has one after the other, and then ends the stream. If it pauses for this long, the
 * answer is a part of the log.
 */
const IDLE_MS = 2_500;
/** A longer log comes in parts. */
const MOST_ENTRIES = 10_000;
const MOST_BYTES = 16 * 1024 * 1024;

interface LogOptions {
  readonly call: HttpCall;
  readonly typeName: string;
  /** Begins the watch of the log until now. */
  readonly open: (own: IncomingCall) => AsyncIterable<object>;
}

/** Answers with the entries of a task's log so far, as a list. A log that is longer has a next part in the header Link. */
export async function sendLog(
  request: FastifyRequest,
  reply: FastifyReply,
  { call, typeName, open }: LogOptions,
): Promise<FastifyReply> {
  const done = new AbortController();
  const { identity, peer, deadline, unread } = call;
  const signal = AbortSignal.any([call.signal, done.signal]);
  const messages = open({ identity, peer, deadline, unread, signal, stop: (refusal) => call.stop(refusal) });
  const entries: string[] = [];
  let bytes = 0;
  let last: unknown;
  const iterator = messages[Symbol.asyncIterator]();
  try {
    let next = await soFar(call, iterator);
    for (; next && !next.done; next = await soFar(call, iterator)) {
      const entry: object = Object(Reflect.get(Object(toJson(typeName, next.value)), "event"));
      last = Reflect.get(entry, "sequence");
      const text = JSON.stringify(entry);
      entries.push(text);
      bytes += text.length;
      if (entries.length >= MOST_ENTRIES || bytes >= MOST_BYTES) break;
    }
    if (entries.length === 0 && !next)
      throw new Refusal("DEPENDENCY_UNAVAILABLE", "the queue does not answer; call again");
    if (!next?.done) reply.header("link", linkToNext(request.url, "afterSequence", String(last)));
  } finally {
    // A watch that waits for an entry ends only through its signal.
    done.abort();
    iterator.return?.().catch(() => undefined);
  }
  const body = Buffer.from(`[${entries.join(",")}]`);
  await call.unread.take(body.length);
  return reply.header("cache-control", "private, no-cache").type("application/json").send(body);
}

/** The next message. Undefined if there is none soon. */
const soFar = (call: HttpCall, iterator: AsyncIterator<object>) =>
  within(IDLE_MS, call.unlessStopped(iterator.next()), () => undefined);
