import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import type { HttpAccess } from "./installation.js";

/** Together less than CCSP_LAME_DUCK. */
const LOOK_MS = 50;
const LOOK_TIMEOUT_MS = 250;
const AGAIN_MS = 50;
/** A call that nobody has answered after this time has failed. */
const GIVE_UP_MS = 60_000;
/** After this many events, a reader leaves by itself, so that it resumes often. */
const EVENTS_OF_CONNECTION = 100;
/** The close code of a gateway that stops: docs/websocket.md. */
const GOING_AWAY = 1001;

/** Calls of REST, as clients behind a load balancer make them. */
export interface RestClient {
  /** A gateway that says that it is ready, or any if none does. Its turn comes after those of the others. */
  next(): string;
  /** Resolves to the JSON of an answer. Rejects for a status that is not a success. */
  ask(method: "GET" | "POST", path: string, body?: object, key?: string): Promise<unknown>;
  close(): Promise<void>;
}

/**
 * Does what docs/deployment.md asks of a load balancer: it looks at `/ready`, goes elsewhere when a connection is refused,
 * and repeats what is safe to repeat when a kept connection was closed without an answer. As the SDK, it waits when the
 * queue says that this machine is too busy, which has nothing to do with a restart. It hides nothing else.
 */
export function openRest({ gateways, token }: HttpAccess): RestClient {
  const agent = new Agent({ keepAlive: true });
  const away = new Set<string>();
  const closing = new AbortController();
  const looks = gateways.map(async ({ url, ready }) => {
    while (!closing.signal.aborted) {
      const is = await isReady(ready);
      if (is) away.delete(url);
      else away.add(url);
      await pause(LOOK_MS);
    }
  });
  let turn = 0;
  const next = (): string => {
    const all = gateways.map(({ url }) => url);
    const ready = all.filter((url) => !away.has(url));
    const those = ready.length > 0 ? ready : all;
    turn += 1;
    return those[turn % those.length] ?? "";
  };
  const ask: RestClient["ask"] = async (method, path, body, key) => {
    const headers = {
      authorization: `Bearer ${await token()}`,
      ...(body && { "content-type": "application/json" }),
      ...(key !== undefined && { "idempotency-key": key }),
    };
    const since = performance.now();
    for (;;) {
      const late = performance.now() - since > GIVE_UP_MS;
      const url = next();
      const sent = request(`${url}/api/v2${path}`, {
        method,
        headers,
        agent,
        signal: AbortSignal.timeout(GIVE_UP_MS),
      });
      // It may come after the head of the answer. Then reading the answer rejects too.
      sent.on("error", () => {});
      let answer: IncomingMessage;
      try {
        sent.end(body && JSON.stringify(body));
        [answer] = await once(sent, "response");
      } catch (error) {
        const { code }: { code?: string } = Object(error);
        const closed = sent.reusedSocket && (code === "ECONNRESET" || code === "EPIPE");
        const repeatable = code === "ECONNREFUSED" || (closed && (method === "GET" || key !== undefined));
        if (late || !repeatable) {
          const connection = sent.reusedSocket ? "a kept connection" : "a new connection";
          throw new Error(`${method} ${path} of ${url} on ${connection}: ${String(error)}`, { cause: error });
        }
        away.add(url);
        await pause(AGAIN_MS);
        continue;
      }
      // Rejects if the answer breaks off.
      const text = Buffer.concat(await answer.toArray()).toString();
      const { statusCode = 0 } = answer;
      const { reason, retryAfterMs }: { reason?: string; retryAfterMs?: number } = Object(JSON.parse(text));
      if (reason === "OVERLOADED" && retryAfterMs !== undefined && !late) {
        await pause(retryAfterMs);
        continue;
      }
      if (statusCode >= 300) throw new Error(`${method} ${path}: ${statusCode} ${text}`);
      return JSON.parse(text);
    }
  };
  return {
    next,
    ask,
    async close() {
      closing.abort();
      await Promise.all(looks);
      agent.destroy();
    },
  };
}

async function isReady(url: string): Promise<boolean> {
  try {
    const { status } = await fetch(url, { signal: AbortSignal.timeout(LOOK_TIMEOUT_MS) });
    return status === 200;
  } catch {
    return false;
  }
}

/** What one reader has of the events of all tasks, over all its connections. */
export interface Subscriber {
  /** The task and the id of each event, in the order in which they came. */
  readonly events: readonly string[];
  /** How often it came back. -1: it has not subscribed yet. */
  readonly resumes: number;
  close(): Promise<void>;
}

interface LiveMessage {
  readonly type: string;
  readonly cursor?: string;
  readonly reason?: string;
  readonly data?: { readonly id: string; readonly taskId: string };
}

/**
 * Follows the tasks over the WebSocket. After each end of its connection, it resumes at a gateway after the newest cursor.
 * It calls `fault` with everything that is neither an event nor the announced end of a gateway.
 */
export function openSubscriber(
  rest: Pick<RestClient, "next">,
  { token }: Pick<HttpAccess, "token">,
  fault: (text: string) => void,
): Subscriber {
  const events: string[] = [];
  let cursor: string | undefined;
  let subscriptions = 0;
  let socket: WebSocket | undefined;
  const closing = new AbortController();
  let left = false;
  const leave = (): void => {
    left = true;
    socket?.close();
  };
  const received = (text: string): void => {
    const message: LiveMessage = JSON.parse(text);
    const { type, data } = message;
    if (type === "subscribed") subscriptions += 1;
    else if (type === "event") events.push(`${data?.taskId} ${data?.id}`);
    // The subscription did not begin, because this machine is so busy that Redis was late. It begins at the next gateway.
    else if (type === "error" && message.reason === "DEPENDENCY_UNAVAILABLE") leave();
    else if (type !== "ready") fault(`WebSocket: ${text}`);
    cursor = message.cursor ?? cursor;
    if (type === "event" && events.length % EVENTS_OF_CONNECTION === 0) leave();
  };
  const connect = async (): Promise<void> => {
    const opened = new WebSocket(`${rest.next().replace("http", "ws")}/ws`, {
      headers: { authorization: `Bearer ${await token()}` },
    });
    socket = opened;
    let began = false;
    left = false;
    opened.addEventListener("open", () => {
      began = true;
      if (closing.signal.aborted) leave();
      else opened.send(JSON.stringify({ op: "subscribe", id: "1", topic: "tasks", after: cursor }));
    });
    opened.addEventListener("message", ({ data }) => received(String(data)));
    const [code] = await new Promise<readonly [number]>((resolve) =>
      opened.addEventListener("close", (event) => resolve([event.code])),
    );
    // A gateway that is not there is no fault: the next one is asked.
    if (began && !left && code !== GOING_AWAY) fault(`WebSocket: closed with ${code}`);
  };
  const follow = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      await connect();
      await pause(AGAIN_MS);
    }
  };
  const following = follow();
  return {
    events,
    get resumes() {
      return subscriptions - 1;
    },
    async close() {
      closing.abort();
      leave();
      await following;
    },
  };
}
