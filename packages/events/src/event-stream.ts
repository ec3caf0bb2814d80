import { Event } from "@ccsp/protos/ccsp/event/v1/event.js";
import { toStoredJson } from "@ccsp/protos/json.js";
import { agree, type EventData, readEventData, type Tell, typeNameOf } from "./event-data.js";

/** The `type` field of each kind of event, with the names in event.proto. */
export const EVENT_TYPES: Readonly<Record<EventData["$case"], string>> = {
  taskEnqueued: "task.enqueued",
  taskStarted: "task.started",
  taskRetried: "task.retried",
  taskCompleted: "task.completed",
  taskFailed: "task.failed",
  taskCancelled: "task.cancelled",
  taskExpired: "task.expired",
  gateClosed: "gate.closed",
  gateOpened: "gate.opened",
  sessionTimeout: "session.timeout",
  emergencyStop: "emergency.stop",
  emergencyResume: "emergency.resume",
  usageRecorded: "usage.recorded",
  usageThreshold: "usage.threshold",
  alertFiring: "alert.firing",
  alertResolved: "alert.resolved",
  sessionValid: "session.valid",
  sessionRecovered: "session.recovered",
  systemHealth: "system.health",
  adaptationDecided: "adaptation.decided",
  usageWindows: "usage.windows",
};

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of the table above
const CASES = new Map((Object.keys(EVENT_TYPES) as EventData["$case"][]).map(($case) => [EVENT_TYPES[$case], $case]));

/** The name of the stream. It has one key per partition. */
export const EVENTS = "ccsp:events";

/**
 * Returns the key of the stream of one partition. Partition n has the same hash tag `{n}` as shard n of the queue: one
 * script writes a state change and its event, and all keys of a script must be on one node.
 */
export function eventsKey(partition: number): string {
  return `${EVENTS}:{${partition}}`;
}

/** Returns the key of the entries that a group could not handle (README.md, "Poison"). */
export function parkedKey(partition: number, group: string): string {
  return `${eventsKey(partition)}:parked:${group}`;
}

/**
 * The approximate number of events that a partition keeps. Redis trims only whole nodes of 100 entries. Each writer
 * trims when it writes.
 */
export const EVENTS_KEPT = 100_000;

/** Returns the `data` field: the JSON of the data message. A word and its enum are both there if one of them is given. */
export function encodeEventData(data: EventData): string {
  const event = Event.fromPartial({ data });
  if (event.data !== undefined) agree(event.data);
  return JSON.stringify(toStoredJson(typeNameOf(data.$case), Object(event.data?.value)));
}

/** Encodes an event as the flat list of names and values that `decodeEvent` reads. Empty fields are omitted. */
export function encodeEvent(event: {
  readonly id: string;
  readonly time: Date;
  readonly data: EventData;
  readonly taskId?: string;
  readonly agentId?: string;
  readonly traceparent?: string;
}): string[] {
  const { id, time, data, taskId: task = "", agentId: agent = "", traceparent: trace = "" } = event;
  const about = Object.entries({ task, agent, trace }).filter(([, value]) => value !== "");
  return [
    "type",
    EVENT_TYPES[data.$case],
    "time",
    String(time.getTime()),
    "data",
    encodeEventData(data),
    "id",
    id,
    ...about.flat(),
  ];
}

/**
 * Decodes an entry into an Event. `fields` is the flat list of names and values that Redis returns. Unknown field names
 * are ignored. Returns undefined for an unknown event type, which a newer writer may send. Throws if an entry of a
 * known type is malformed: `time` is not in ms, or `data` is not JSON.
 *
 * A word and its enum are both there if the entry has one of them that is known. `tell` is called for each value of an
 * enum that this version does not know. Such a word stays as it is, and its enum is UNSPECIFIED or UNRECOGNIZED. `tell`
 * is also called for each other value that does not fit. It is read as absent.
 */
export function decodeEvent(
  partition: number,
  id: string,
  fields: readonly string[],
  tell: Tell = () => {},
): Event | undefined {
  const entry = new Map<string, string>();
  for (let at = 0; at + 1 < fields.length; at += 2) entry.set(fields[at] ?? "", fields[at + 1] ?? "");
  const $case = CASES.get(entry.get("type") ?? "");
  if ($case === undefined) return undefined;
  const data = readEventData($case, JSON.parse(entry.get("data") ?? ""), tell);

  const time = new Date(Number(entry.get("time") ?? Number.NaN));
  if (Number.isNaN(time.getTime())) throw new Error(`event ${id}: field "time" is not a number of milliseconds`);
  return {
    id: entry.get("id") ?? `${partition}:${id}`,
    time,
    taskId: entry.get("task") ?? "",
    agentId: entry.get("agent") ?? "",
    traceparent: entry.get("trace") ?? "",
    data,
  };
}
