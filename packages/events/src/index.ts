export { type ConsumeOptions, consumeEvents } from "./consume-events.js";
export { EVENT_WORDS, type EventData } from "./event-data.js";
export { withEventSpan } from "./event-span.js";
export {
  decodeEvent,
  EVENT_TYPES,
  EVENTS_KEPT,
  encodeEvent,
  encodeEventData,
  eventsKey,
  parkedKey,
} from "./event-stream.js";
export {
  type FollowedEntry,
  type Follower,
  followEvents,
  isBefore,
  readEvents,
  streamEnds,
  wasTrimmed,
} from "./follow-events.js";
export type { Delivery, Outcome } from "./partition-reader.js";
export { createPublisher, type Publication, type Publisher } from "./publisher.js";
export type { Redelivery } from "./redelivery.js";
