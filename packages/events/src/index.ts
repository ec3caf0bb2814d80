export {
  decodeEvent,
  EVENT_TYPES,
  type EventData,
  encodeEventData,
  eventsKey,
  parkedKey,
} from "./event-stream.js";
