/** What a page can follow (docs/websocket.md). */
export type LiveTopic = "tasks" | "queue" | "executors" | "usage" | "alerts" | "health" | "log" | "tail";

export interface LiveRequest {
  readonly topic: LiveTopic;
  /**
   * The topic `tasks` then tells only of this task, or of the tasks of this agent. `log` and `tail` are of the task that
   * it names.
   */
  readonly filter?: { readonly taskId?: string; readonly agentId?: string };
  /** For the topic `log`: the sequence of the last entry that is known. */
  readonly after?: string;
}

/** An event, or a snapshot: then `data` is the whole state. */
export interface LiveMessage<Data = unknown> {
  readonly sequence: number;
  readonly cursor: string;
  /** For example `task.enqueued`. A snapshot has the name of its topic. */
  readonly name: string;
  /** RFC 3339. */
  readonly time: string;
  readonly data: Data;
}

export interface LiveListener {
  onEvent?(event: LiveMessage): void;
  onSnapshot?(snapshot: LiveMessage): void;
  /** This many events will not come, so read the state again. 0: nobody knows how many. */
  onMissed?(count: number): void;
  /**
   * The gateway refused this subscription, and it is not tried again before the next connection; or the state cannot be
   * read at the moment, and a snapshot comes when it can.
   */
  onRefused?(reason: string, detail: string): void;
  /** Nothing more comes of a `log` or `tail`. With a reason, it broke off, and more can be asked for. */
  onEnded?(reason: string | undefined): void;
}

/**
 * - `connecting`: the page has just begun.
 * - `live`: what is shown is current.
 * - `lost`: there is no connection since then. It is tried again by itself.
 * - `signed-out`: the gateway no longer knows who this is, with the reason of its refusal. Call `reconnect` after a new
 *   sign-in.
 */
export type LiveState =
  | { readonly is: "connecting" }
  | { readonly is: "live" }
  | { readonly is: "lost"; readonly since: Date }
  | { readonly is: "signed-out"; readonly reason: string };

export interface Live {
  readonly state: LiveState;
  /** Follows a topic until the returned function is called. After a lost connection it continues where it was. */
  subscribe(request: LiveRequest, listener: LiveListener): () => void;
  /** Connects now, and does not wait for its turn. */
  reconnect(): void;
  /** Holds no connection until `resume`, because nobody looks. What is shown, and the state, stay as they are. */
  pause(): void;
  /** Connects again after a `pause`, and continues where it was. After a long one, the connection is `lost` since then. */
  resume(): void;
  close(): void;
}

/** The part of the standard WebSocket that is needed here. */
export interface LiveSocket {
  addEventListener(type: "open" | "message" | "close" | "error", listener: (event: SocketEvent) => void): void;
  send(text: string): void;
  close(): void;
}

interface SocketEvent {
  readonly data?: unknown;
  readonly code?: number;
}

export interface LiveOptions {
  /** Such as `wss://ccsp.example.com/ws`. In a browser, the cookie of the session proves who calls. */
  readonly url: string;
  readonly onState?: (state: LiveState) => void;
  /**
   * Whether the gateway answers something else. It is asked when the connection is silent, because a WebSocket tells
   * nothing of a long message before it has all of it.
   */
  readonly probe?: () => Promise<boolean>;
  /** The gateway did not answer the probe of this time. What has waited for it since then waits in vain. */
  readonly onSilent?: (probed: Date) => void;
  readonly open?: (url: string) => LiveSocket;
}

interface Subscription {
  readonly id: string;
  readonly request: LiveRequest;
  readonly listener: LiveListener;
  /** The cursor of the last event. Undefined: none has come. */
  cursor: string | undefined;
}

interface Incoming extends LiveMessage {
  readonly type: "ready" | "subscribed" | "event" | "snapshot" | "missed" | "error" | "ended" | "pong";
  readonly id?: string;
  readonly count?: number;
  readonly reason?: string;
  readonly detail?: string;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const PING_MS = 5_000;
/** A connection is silent when nothing has come for this many pings. */
const SILENT_PINGS = 2;
/** The longest log entry (11 MiB) arrives meanwhile at 1.6 Mbit/s. Nobody notices before that only the WebSocket is dead. */
const LONGEST_SILENT_PINGS = 12;
/** What is shown may be older than this only where the page says so. */
const CURRENT_MS = 2 * PING_MS;
/** The gateway closes with it when it does not know (any more) who calls. */
const NOT_SIGNED_IN = 4401;

/**
 * Follows topics over one WebSocket, and connects again when it is lost: after 0.5 s, then 1, 2 … 15 s. It sends each
 * subscription's cursor, so that no event is left out while the gateway still has it.
 */
export function connectLive(options: LiveOptions): Live {
  const { url, onState, onSilent, probe = async () => false, open = (to) => new WebSocket(to) } = options;
  let state: LiveState = { is: "connecting" };
  let connection: Connection | undefined;
  const subscriptions = createSubscriptions((message) => connection?.send(message));
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  let closed = false;
  let paused = false;
  /** Since when nothing has come, because of a pause. */
  let pausedSince: Date | undefined;

  const become = (next: LiveState): void => {
    state = next;
    onState?.(next);
  };
  const lost = (code: number | undefined, reason: string): void => {
    connection = undefined;
    if (code === NOT_SIGNED_IN) return become({ is: "signed-out", reason });
    if (state.is !== "lost") become({ is: "lost", since: pausedSince ?? new Date() });
    timer = setTimeout(connect, waitMs(failures));
    failures += 1;
  };
  const connect = (): void => {
    connection = openConnection(open(url), {
      onReady() {
        failures = 0;
        pausedSince = undefined;
        become({ is: "live" });
        subscriptions.askAll();
      },
      onMessage: (message) => subscriptions.deliver(message),
      probe,
      onSilent: (probed) => onSilent?.(probed),
      onEnd: lost,
    });
  };
  const stop = (): void => {
    clearTimeout(timer);
    connection?.close();
    connection = undefined;
  };

  connect();
  return {
    get state() {
      return state;
    },
    subscribe: (request, listener) => subscriptions.add(request, listener),
    reconnect() {
      stop();
      paused = false;
      failures = 0;
      if (!closed) connect();
    },
    pause() {
      if (closed || state.is === "signed-out") return;
      paused = true;
      pausedSince ??= new Date();
      stop();
    },
    resume() {
      if (closed || !paused) return;
      paused = false;
      if (state.is === "live" && pausedSince && Date.now() - pausedSince.getTime() > CURRENT_MS)
        become({ is: "lost", since: pausedSince });
      connect();
    },
    close() {
      closed = true;
      stop();
    },
  };
}

/** All pages lose the gateway at the same time, and must not return at the same time. */
function waitMs(failures: number): number {
  const longest = Math.min(FIRST_WAIT_MS * 2 ** failures, LONGEST_WAIT_MS);
  return longest * (0.5 + Math.random() / 2);
}

/** What is followed. It stays when a connection ends, and is asked for on the next one. */
function createSubscriptions(send: (message: object) => void) {
  const all = new Map<string, Subscription>();
  let nextId = 1;
  const ask = ({ id, request, cursor }: Subscription): void =>
    send({ op: "subscribe", id, ...request, ...(cursor === undefined ? {} : { after: cursor }) });
  return {
    add(request: LiveRequest, listener: LiveListener): () => void {
      const id = String(nextId++);
      const subscription = { id, request, listener, cursor: undefined };
      all.set(id, subscription);
      ask(subscription);
      return () => {
        if (all.delete(id)) send({ op: "unsubscribe", id });
      };
    },
    askAll(): void {
      for (const each of all.values()) ask(each);
    },
    deliver(message: Incoming): void {
      const { type, cursor, count = 0, reason = "", detail = "" } = message;
      const to = all.get(message.id ?? "");
      if (to === undefined) return;
      if (type === "event" || type === "snapshot" || type === "subscribed") to.cursor = cursor;
      if (type === "event") to.listener.onEvent?.(message);
      if (type === "snapshot") to.listener.onSnapshot?.(message);
      if (type === "missed") to.listener.onMissed?.(count);
      if (type === "error") to.listener.onRefused?.(reason, detail);
      if (type !== "ended") return;
      all.delete(to.id);
      to.listener.onEnded?.(message.reason);
    },
  };
}

interface Connection {
  /** Does nothing before the gateway is ready, and after the end. */
  send(message: object): void;
  /** Closes it. Nothing of it is told from then on. */
  close(): void;
}

interface ConnectionListener {
  readonly onReady: () => void;
  readonly onMessage: (message: Incoming) => void;
  readonly probe: () => Promise<boolean>;
  /** Called before `onEnd` when that is why, with the time of the probe. */
  readonly onSilent: (probed: Date) => void;
  /** Called once, with the code of the WebSocket, and the reason of the last error about the whole connection. */
  readonly onEnd: (code: number | undefined, reason: string) => void;
}

/** Watches a socket: it has ended when it closes, fails, or is silent although it was pinged, and so is the gateway. */
function openConnection(socket: LiveSocket, listener: ConnectionListener): Connection {
  const { onReady, onMessage, probe, onSilent, onEnd } = listener;
  let ready = false;
  let ended = false;
  let silentFor = 0;
  let reason = "";
  let timer: ReturnType<typeof setTimeout> | undefined;

  const send = (message: object): void => {
    if (ready && !ended) socket.send(JSON.stringify(message));
  };
  const stop = (): void => {
    ended = true;
    clearTimeout(timer);
  };
  const end = (code?: number): void => {
    // A connection that was given up says later that it has closed.
    if (ended) return;
    stop();
    onEnd(code, reason);
  };
  const watch = (): void => {
    timer = setTimeout(() => void look(), PING_MS);
  };
  const look = async (): Promise<void> => {
    silentFor += 1;
    if (silentFor < SILENT_PINGS) {
      send({ op: "ping" });
      return watch();
    }
    const probed = new Date();
    const answers = await probe();
    if (ended) return;
    const mayCome = answers && ready && silentFor < LONGEST_SILENT_PINGS;
    if (silentFor === 0 || mayCome) return watch();
    if (!answers) onSilent(probed);
    end();
    socket.close();
  };
  socket.addEventListener("message", ({ data }) => {
    if (ended) return;
    silentFor = 0;
    const message: Incoming = JSON.parse(String(data));
    if (message.type === "error" && message.id === undefined) reason = message.reason ?? "";
    if (message.type !== "ready") return onMessage(message);
    ready = true;
    onReady();
  });
  socket.addEventListener("close", ({ code }) => end(code));
  socket.addEventListener("error", () => end());
  watch();
  return {
    send,
    close() {
      stop();
      socket.close();
    },
  };
}
