import {
  type FollowedEntry,
  type Follower,
  followEvents,
  isBefore,
  readEvents,
  streamEnds,
  wasTrimmed,
} from "@ccsp/events";
import { type RedisConnection, redisAway } from "@ccsp/redis-kit";
import type { Logger } from "pino";
import { Turns } from "../limits/turns.js";
import { cursorOf, type Position, positionOf } from "./cursor.js";
import { FrameBody } from "./frames.js";
import { nameOf } from "./topics.js";

/** An event as all readers share it. */
export interface LiveEvent {
  readonly name: string;
  readonly taskId: string;
  readonly agentId: string;
  readonly body: FrameBody;
}

/** Someone who reads events. It must return quickly: other readers wait for it. */
export interface EventReader {
  /** `cursor` is the place after this event. */
  take(event: LiveEvent, cursor: string): void;
  /** An unknown number of events is gone. */
  lost(): void;
  /** Resolves when the reader can take an earlier event. */
  room(): Promise<void>;
}

export interface JoinedReader {
  /** Where it begins. */
  readonly cursor: string;
  /** Begins to pass events to the reader. */
  start(): void;
  leave(): void;
}

export interface EventHubOptions {
  readonly redis: RedisConnection;
  readonly partitions: number;
  readonly log: Logger;
}

const PAGE = 200;
/** Who comes back after more events than this reads the state again instead. */
const MOST_EARLIER = 10_000;
/** Gateways that restart get all their readers back at once. */
const READS_AT_ONCE = 4;

/**
 * The events of the whole installation, for all readers of this process. It follows the stream while somebody reads.
 * A reader that comes back with a cursor first gets what came since, from the stream, and then what comes. Both are in
 * the order of each partition, and nothing comes twice.
 */
export class EventHub {
  readonly #options: EventHubOptions;
  readonly #members = new Set<Member>();
  readonly #turns = new Turns(READS_AT_ONCE);
  #following: Promise<Follower> | undefined;
  #follower: Follower | undefined;

  constructor(options: EventHubOptions) {
    this.#options = options;
  }

  /** Refuses a text that is not a cursor, and refuses with DEPENDENCY_UNAVAILABLE while Redis is away. */
  async join(reader: EventReader, after: string | undefined): Promise<JoinedReader> {
    const { partitions } = this.#options;
    const asked = after === undefined ? undefined : positionOf(after, partitions);
    const member: Member = { reader, ahead: undefined, left: false };
    this.#members.add(member);
    const leave = (): void => this.#leave(member);
    try {
      const { position } = await this.#follow();
      const from = asked ?? [...position];
      return {
        cursor: cursorOf(from),
        start: () => {
          if (after !== undefined && asked === undefined) reader.lost();
          const at = [...from];
          const ready = asked === undefined ? Promise.resolve() : this.#forgetLost(member, at);
          ready
            .then(() => this.#catchUp(member, at))
            .catch((err: unknown) => {
              this.#options.log.warn(
                { err },
                "earlier events cannot be read for a reader; it continues with the next one",
              );
              this.#skip(member);
            });
        },
        leave,
      };
    } catch (error) {
      leave();
      throw error;
    }
  }

  close(): void {
    for (const member of this.#members) this.#leave(member);
  }

  #leave(member: Member): void {
    member.left = true;
    if (!this.#members.delete(member) || this.#members.size > 0) return;
    this.#following?.then((follower) => follower.close()).catch(() => undefined);
    this.#following = undefined;
    this.#follower = undefined;
  }

  async #follow(): Promise<Follower> {
    const { redis, partitions, log } = this.#options;
    if (!redis.answers()) throw redisAway();
    const following = (this.#following ??= followEvents({
      redis,
      partitions,
      onEntry: (entry) => this.#pass(entry),
      onLost: () => this.#lost(),
      log,
    }));
    try {
      const follower = await following;
      if (this.#following === following) this.#follower = follower;
      return follower;
    } catch (error) {
      if (this.#following === following) this.#following = undefined;
      throw redisAway(error instanceof Error ? error : undefined);
    }
  }

  #pass({ partition, id, event }: FollowedEntry): void {
    const position = this.#follower?.position;
    const live = event && liveEventOf(event);
    if (position === undefined || live === undefined) return;
    const cursor = cursorOf(position);
    for (const { reader, ahead } of this.#members) {
      // Nothing is passed to those who still read earlier events: they will find it in the stream.
      if (ahead === undefined) continue;
      const known = ahead.get(partition);
      if (known !== undefined && !isBefore(known, id)) continue;
      ahead.delete(partition);
      reader.take(live, ahead.size === 0 ? cursor : cursorOf(position.map((at, each) => ahead.get(each) ?? at)));
    }
  }

  #lost(): void {
    for (const { reader, ahead } of this.#members) if (ahead !== undefined) reader.lost();
  }

  /** Passes on what came after `at`, until the reader has all that this process has seen. */
  async #catchUp(member: Member, at: string[]): Promise<void> {
    const { redis } = this.#options;
    let left = MOST_EARLIER;
    for (;;) {
      // A reader without room would lose what is passed on next.
      await member.reader.room();
      const follower = this.#follower;
      if (member.left || follower === undefined) return;
      const partition = at.findIndex((id, each) => isBefore(id, follower.position[each] ?? ""));
      if (partition === -1) return goLive(member, at, follower.position);
      if (left <= 0) return this.#skip(member);
      const page = { after: at[partition] ?? "", count: PAGE };
      const entries = await this.#turns.take("", () => readEvents(redis.client, partition, page));
      // The stream may have been trimmed beyond this place while the reader had no room.
      if (wasTrimmed(await streamEnds(redis.client, partition), page.after) && !member.left) member.reader.lost();
      left -= entries.length;
      // What the follower saw is gone from the stream already.
      if (entries.length === 0) return this.#skip(member);
      for (const { id, event } of entries) {
        await member.reader.room();
        if (member.left) return;
        at[partition] = id;
        const live = event && liveEventOf(event);
        if (live !== undefined) member.reader.take(live, cursorOf(at));
      }
    }
  }

  /** Moves a place that the stream no longer has to the newest one. */
  async #forgetLost(member: Member, at: string[]): Promise<void> {
    const { redis } = this.#options;
    const all = await Promise.all(at.map((_, partition) => streamEnds(redis.client, partition)));
    let lost = false;
    for (const [partition, ends] of all.entries()) {
      const from = at[partition] ?? "";
      // A place in the future is from before a failover, or from another Redis.
      if (!wasTrimmed(ends, from) && !isBefore(ends.newest, from)) continue;
      lost = true;
      at[partition] = ends.newest;
    }
    if (lost && !member.left) member.reader.lost();
  }

  #skip(member: Member): void {
    if (member.left) return;
    member.reader.lost();
    member.ahead = new Map();
  }
}

interface Member {
  readonly reader: EventReader;
  /**
   * The partitions of which the reader knows more than the follower, with the newest id that it knows. Undefined while
   * it reads earlier events.
   */
  ahead: Map<number, string> | undefined;
  left: boolean;
}

function goLive(member: Member, at: readonly string[], position: Position): void {
  const ahead = [...at.entries()].filter(([partition, id]) => isBefore(position[partition] ?? "", id));
  member.ahead = new Map(ahead);
}

function liveEventOf(event: Parameters<typeof nameOf>[0]): LiveEvent | undefined {
  const name = nameOf(event);
  const { taskId, agentId } = event;
  return name === undefined ? undefined : { name, taskId, agentId, body: FrameBody.ofEvent(name, event) };
}
