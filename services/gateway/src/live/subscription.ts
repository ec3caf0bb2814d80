import type { Refusal } from "@ccsp/errors";
import type { EventFilter } from "./client-message.js";
import type { EventReader, JoinedReader, LiveEvent } from "./event-hub.js";
import { errorFrame, type FrameBody, frame, frameOf } from "./frames.js";
import type { LiveMetrics } from "./metrics.js";
import type { Outbox } from "./outbox.js";
import type { SnapshotReader, Snapshots } from "./snapshots.js";
import { TOPICS, type TopicName } from "./topics.js";

export interface SubscriptionOptions {
  readonly id: string;
  readonly topic: TopicName;
  /** The RPC by which the client may see this. */
  readonly rpc: string;
  readonly filter: EventFilter;
  readonly outbox: Outbox;
  readonly metrics: LiveMetrics;
}

/** The events that were left out since the last one that was sent. */
interface Missed {
  count: number;
  /** False: others were lost before anybody counted them. */
  known: boolean;
}

/** What one client follows. A client that does not read loses events, and is told how many when it reads again. */
export class Subscription implements EventReader, SnapshotReader {
  readonly id: string;
  readonly topic: TopicName;
  readonly rpc: string;
  readonly #options: SubscriptionOptions;
  readonly #leaves: (() => void)[] = [];
  #sequence = 0;
  #cursor = "";
  #missed: Missed | undefined;
  /** The newest state, if there was no room for it. */
  #unshown: FrameBody | undefined;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
    this.id = options.id;
    this.topic = options.topic;
    this.rpc = options.rpc;
  }

  /** Tells the client that it has subscribed, and begins. */
  begin(events: JoinedReader, snapshots: Snapshots | undefined): void {
    const { id, topic, outbox, metrics } = this.#options;
    metrics.subscriptions.inc({ topic });
    this.#cursor = events.cursor;
    outbox.send(frame({ type: "subscribed", id, topic, cursor: events.cursor }));
    this.#leaves.push(
      () => events.leave(),
      () => metrics.subscriptions.dec({ topic }),
    );
    events.start();
    if (snapshots) this.#leaves.push(snapshots.join(this));
  }

  end(): void {
    for (const leave of this.#leaves.splice(0)) leave();
  }

  take({ name, taskId, agentId, body }: LiveEvent, cursor: string): void {
    const { topic, filter, outbox, metrics } = this.#options;
    if (!TOPICS[topic].events.some((kind) => name.startsWith(kind))) return;
    if (filter.taskId !== undefined && filter.taskId !== taskId) return;
    if (filter.agentId !== undefined && filter.agentId !== agentId) return;
    this.#sequence += 1;
    if (outbox.full) {
      this.#missed = { count: (this.#missed?.count ?? 0) + 1, known: this.#missed?.known ?? true };
      metrics.missed.inc();
      return;
    }
    this.#cursor = cursor;
    this.#send("event", body);
  }

  lost(): void {
    this.#missed = { count: this.#missed?.count ?? 0, known: false };
    if (!this.#options.outbox.full) this.hasRoom();
  }

  room(): Promise<void> {
    return this.#options.outbox.room();
  }

  show(snapshot: FrameBody): void {
    if (this.#options.outbox.full) {
      this.#unshown = snapshot;
      return;
    }
    this.#sequence += 1;
    this.#send("snapshot", snapshot);
  }

  fault(why: Refusal): void {
    this.#options.outbox.send(errorFrame(why, this.id));
  }

  /** The client reads again: tells it what it has missed, and shows the newest state. */
  hasRoom(): void {
    const { id, topic, outbox } = this.#options;
    const missed = this.#missed;
    this.#missed = undefined;
    if (missed) {
      const count = missed.known ? missed.count : 0;
      outbox.send(frame({ type: "missed", id, topic, count, after: this.#cursor }));
    }
    const unshown = this.#unshown;
    this.#unshown = undefined;
    if (unshown) this.show(unshown);
  }

  #send(type: "event" | "snapshot", body: FrameBody): void {
    const { id, topic, outbox, metrics } = this.#options;
    outbox.send(frameOf({ type, id, topic, sequence: this.#sequence, cursor: this.#cursor }, body));
    metrics.sent.inc({ type });
  }
}
