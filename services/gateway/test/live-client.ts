import assert from "node:assert/strict";
import { eventually } from "@ccsp/testkit";

/** A message of the gateway, with the members that tests read. */
export interface LiveMessage {
  readonly type: string;
  readonly id?: string;
  readonly sequence?: number;
  readonly cursor?: string;
  readonly name?: string;
  readonly count?: number;
  readonly reason?: string;
  readonly detail?: string;
  readonly subject?: string;
  readonly fields?: readonly { readonly field: string }[];
  readonly data?: {
    readonly taskId?: string;
    readonly agentId?: string;
    readonly gates?: readonly object[];
    readonly textDelta?: { readonly text: string };
  };
}

export interface LiveClient {
  /** Everything that came so far. */
  readonly messages: readonly LiveMessage[];
  /** The events of a subscription, as `name taskId`. */
  events(id?: string): string[];
  send(message: object | string | Uint8Array): void;
  /** Resolves to the newest message of this kind, when one has come. */
  latest(type: string, id?: string): Promise<LiveMessage>;
  /** Resolves to code and reason when the connection has closed. */
  readonly closed: Promise<readonly [number, string]>;
  close(): void;
}

const PATIENCE = { timeoutMs: 45_000 };

/** Opens a WebSocket with what Node has. With `token`, the header of the connection proves who calls. */
export function openLive(httpAddress: string, headers: Readonly<Record<string, string>> = {}): LiveClient {
  const socket = new WebSocket(`${httpAddress.replace(/^http/, "ws")}/ws`, { headers });
  const messages: LiveMessage[] = [];
  const early: (string | Uint8Array<ArrayBuffer>)[] = [];
  socket.addEventListener("open", () => {
    for (const text of early.splice(0)) socket.send(text);
  });
  socket.addEventListener("message", ({ data }) => messages.push(JSON.parse(String(data))));
  const closed = new Promise<readonly [number, string]>((resolve) => {
    socket.addEventListener("close", ({ code, reason }) => resolve([code, reason]));
  });
  const of = (type: string, id?: string) =>
    messages.filter((each) => each.type === type && (id === undefined || each.id === id));
  return {
    messages,
    events: (id) => of("event", id).map(({ name, data }) => `${name} ${data?.taskId}`),
    send(message) {
      const frame =
        typeof message === "string"
          ? message
          : message instanceof Uint8Array
            ? new Uint8Array(message)
            : JSON.stringify(message);
      if (socket.readyState === socket.OPEN) socket.send(frame);
      else early.push(frame);
    },
    latest: (type, id) =>
      eventually(
        () => of(type, id).at(-1) ?? assert.fail(`no ${type} among ${JSON.stringify(messages).slice(0, 2_000)}`),
        PATIENCE,
      ),
    closed,
    close: () => socket.close(),
  };
}
