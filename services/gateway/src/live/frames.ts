import type { Refusal } from "@ccsp/errors";
import type { Identity } from "@ccsp/identity";
import type { Event } from "@ccsp/protos/ccsp/event/v1/event.js";
import { type Json, toJson } from "@ccsp/protos/json.js";
import type { TaskTopic, TopicName } from "./topics.js";

/** What every message of a subscription begins with. */
export interface FrameHead {
  readonly type: "event" | "snapshot";
  readonly id: string;
  readonly topic: TopicName;
  readonly sequence: number;
  readonly cursor: string;
}

/**
 * The part of a message that is the same for all readers. It is made once, when the first of them needs it: many events
 * have no reader.
 */
export class FrameBody {
  readonly #make: () => string;
  #text: string | undefined;

  private constructor(make: () => string) {
    this.#make = make;
  }

  static ofEvent(name: string, event: Event): FrameBody {
    return new FrameBody(() =>
      bodyOf(name, event.time ?? new Date(), JSON.stringify(toJson("ccsp.event.v1.Event", event))),
    );
  }

  /** `data` is JSON. */
  static ofSnapshot(topic: TopicName, time: Date, data: string): FrameBody {
    return new FrameBody(() => bodyOf(topic, time, data));
  }

  get text(): string {
    this.#text ??= this.#make();
    return this.#text;
  }
}

const bodyOf = (name: string, time: Date, data: string): string =>
  `"name":${JSON.stringify(name)},"time":"${time.toISOString()}","data":${data}}`;

/** A whole message. The head is written by hand because the body, which is much longer, is already JSON. */
export const frameOf = (head: FrameHead, body: FrameBody): string =>
  `${JSON.stringify(head).slice(0, -1)},${body.text}`;

export const readyFrame = (type: "ready" | "renewed", { subject, expireTime }: Identity): string =>
  JSON.stringify({ type, subject, expireTime });

/** `id` names the subscription. Without it, the error is about the connection. */
export const errorFrame = (why: Refusal, id?: string): string => JSON.stringify({ type: "error", id, ...told(why) });

/** A subscription to `log` or `tail` is over: nothing more comes, or it broke off, and why. */
export const endedFrame = (id: string, topic: TaskTopic, why: Refusal | undefined): string =>
  JSON.stringify({ type: "ended", id, topic, ...(why && told(why)) });

const told = ({ reason, message, fields, metadata, retryAfterMs }: Refusal) => ({
  reason,
  detail: message,
  ...(fields.length > 0 && { fields }),
  ...(Object.keys(metadata).length > 0 && { metadata }),
  retryAfterMs,
});

export const frame = (message: { readonly [name: string]: Json }): string => JSON.stringify(message);
