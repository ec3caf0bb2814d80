import { effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { answersSoon, giveUpRequests, signedOut } from "./api.js";
import { type FollowListener, followToEnd } from "./follow.js";
import { connectLive, type Live, type LiveMessage, type LiveRequest, type LiveState } from "./live.js";
import type { Answer } from "./routes.js";
import { session } from "./session.js";

/** The snapshots that the gateway sends over the WebSocket, by topic (docs/websocket.md). */
export interface Snapshots {
  readonly queue: Answer<"GET /queue/status">;
  readonly executors: Answer<"GET /executors">;
  readonly alerts: Answer<"GET /alerts">;
  readonly usage: Answer<"GET /usage/windows"> & Answer<"GET /budgets"> & Answer<"GET /usage/forecast">;
  readonly health: Answer<"GET /fleet">;
}
export type Topic = keyof Snapshots;
const TOPICS = ["queue", "executors", "alerts", "usage", "health"] as const satisfies readonly Topic[];

/** Whether what is shown is current. The connection line shows it, and everything is grey while it is lost. */
export const connection = signal<LiveState>({ is: "connecting" });

let live: Live | undefined;
const states: { [T in Topic]: Signal<Snapshots[T] | undefined> } = {
  queue: signal(),
  executors: signal(),
  alerts: signal(),
  usage: signal(),
  health: signal(),
};
interface Refused {
  /** Such as `SCOPE_MISSING`. */
  readonly reason: string;
  readonly since: Date;
}
/** The topics whose newest snapshot did not come. What is shown of them is from before. */
export const refusals = signal<{ readonly [T in Topic]?: Refused | undefined }>({});
const followed = new Map<Topic, () => void>();

/**
 * The newest state of a topic, kept current for as long as the page is open. Undefined before it has come. Read
 * `.value` in a component, and it is drawn again with each change.
 */
export function snapshot<T extends Topic>(topic: T): ReadonlySignal<Snapshots[T] | undefined> {
  const state: Signal<Snapshots[T] | undefined> = states[topic];
  if (!followed.has(topic)) {
    followed.set(
      topic,
      requireLive().subscribe(
        { topic },
        {
          onSnapshot({ data }) {
            // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the topic says what its snapshots are
            state.value = data as Snapshots[T];
            refuse(topic, undefined);
          },
          onRefused(reason) {
            refuse(topic, reason);
          },
        },
      ),
    );
  }
  return state;
}

function refuse(topic: Topic, reason: string | undefined): void {
  if (refusals.value[topic]?.reason === reason) return;
  refusals.value = { ...refusals.value, [topic]: reason === undefined ? undefined : { reason, since: new Date() } };
}

/** The topics that are shown, but cannot be read now. */
export function staleTopics(): readonly (Refused & { readonly topic: Topic })[] {
  return TOPICS.flatMap((topic) => {
    const refused = refusals.value[topic];
    return refused && states[topic].value !== undefined ? [{ ...refused, topic }] : [];
  });
}

/** Calls back for each event about tasks (all, of an agent, or one task) while the component is shown. */
export function useTaskEvents(
  filter: { readonly taskId?: string; readonly agentId?: string },
  onEvent: (event: LiveMessage) => void,
  /** Events were lost: read the state again. */
  onMissed: () => void,
): void {
  const { taskId, agentId } = filter;
  useEffect(() => requireLive().subscribe({ topic: "tasks", filter }, { onEvent, onMissed }), [taskId, agentId]);
}

/** `followToEnd` over the connection of the page. */
export const follow = (request: () => LiveRequest, listener: FollowListener): (() => void) =>
  followToEnd(requireLive(), request, listener);

/** A person who looks at another tab for less than this comes back to current data. */
const UNSEEN_MS = 5_000;

/** A tab that nobody sees holds nothing at the gateway. */
function pauseUnseen(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = (): void => {
    clearTimeout(timer);
    if (document.visibilityState === "visible") live?.resume();
    else timer = setTimeout(() => live?.pause(), UNSEEN_MS);
  };
  document.addEventListener("visibilitychange", look);
  look();
}

/** Connects when somebody is signed in, and again after a new sign-in, which may be somebody else's. */
export function startLive(): void {
  effect(() => {
    if (session.value === undefined || signedOut.value) return;
    for (const topic of TOPICS) states[topic].value = undefined;
    refusals.value = {};
    if (live) live.reconnect();
    else live = connectLive({ url: liveUrl(), onState: become, probe: answersSoon, onSilent: giveUpRequests });
  });
  pauseUnseen();
}

function become(state: LiveState): void {
  connection.value = state;
  if (state.is === "signed-out") signedOut.value = true;
}

function liveUrl(): string {
  const url = new URL("/ws", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}

function requireLive(): Live {
  if (!live) throw new Error("a page was shown before anybody was signed in");
  return live;
}

/** Connects now, and does not wait for the next try. */
export const reconnect = (): void => live?.reconnect();
