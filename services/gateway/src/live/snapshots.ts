import { Refusal } from "@ccsp/errors";
import { passOn } from "../upstream/refusals.js";
import { FrameBody } from "./frames.js";
import type { SnapshotTopic } from "./topics.js";

/** Where the state of a topic comes from. */
export interface SnapshotSource {
  readonly everyMs: number;
  /** Returns the state as a value that is JSON. The member `time` alone is not a change. */
  load(): Promise<object>;
}

/** Someone who reads the state of a topic. It must return quickly: other readers wait for it. */
export interface SnapshotReader {
  show(snapshot: FrameBody): void;
  /** The state cannot be read at the moment. Called once, until it can be read again. */
  fault(why: Refusal): void;
}

/** The state of one topic, for all readers of this process. It asks only while somebody reads. */
export class Snapshots {
  readonly #topic: SnapshotTopic;
  readonly #source: SnapshotSource;
  readonly #readers = new Set<SnapshotReader>();
  #timer: NodeJS.Timeout | undefined;
  #loading = false;
  #state: string | undefined;
  #newest: FrameBody | undefined;
  #fault: Refusal | undefined;

  constructor(topic: SnapshotTopic, source: SnapshotSource) {
    this.#topic = topic;
    this.#source = source;
  }

  /** Shows the newest state, as soon as it is known, and then each change. Returns a function that ends this. */
  join(reader: SnapshotReader): () => void {
    this.#readers.add(reader);
    if (this.#timer === undefined) {
      this.#timer = setInterval(() => void this.#load(), this.#source.everyMs);
      void this.#load();
    } else if (this.#fault !== undefined) reader.fault(this.#fault);
    else if (this.#newest !== undefined) reader.show(this.#newest);
    return () => {
      if (this.#readers.delete(reader) && this.#readers.size === 0) this.#stop();
    };
  }

  /** The newest state that is known. */
  get newest(): FrameBody | undefined {
    return this.#newest;
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#state = undefined;
    this.#newest = undefined;
    this.#fault = undefined;
  }

  async #load(): Promise<void> {
    // The service is slower than the rhythm: it is not asked twice at the same time.
    if (this.#loading) return;
    this.#loading = true;
    const timer = this.#timer;
    const loaded = await this.#source.load().catch(refusalOf);
    this.#loading = false;
    // The last reader has left. New ones may have come since.
    if (timer === undefined || this.#timer !== timer) return this.#timer && this.#load();
    if (loaded instanceof Refusal) {
      if (this.#fault === undefined) for (const reader of this.#readers) reader.fault(loaded);
      this.#fault = loaded;
      return;
    }
    const state = JSON.stringify({ ...loaded, time: undefined });
    const changed = state !== this.#state || this.#fault !== undefined;
    this.#fault = undefined;
    if (!changed) return;
    this.#state = state;
    const newest = FrameBody.ofSnapshot(this.#topic, new Date(), JSON.stringify(loaded));
    this.#newest = newest;
    for (const reader of this.#readers) reader.show(newest);
  }
}

function refusalOf(error: unknown): Refusal {
  const told = passOn(error);
  return told instanceof Refusal ? told : new Refusal("INTERNAL", "the state cannot be read", { cause: error });
}
