import { Event } from "@ccsp/protos/ccsp/event/v1/event.js";

export type EventData = NonNullable<Event["data"]>;

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
};

const FIELDS = new Map(Object.entries(EVENT_TYPES).map(([field, type]) => [type, field]));

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

/** Returns the `data` field: the proto JSON of the data message. */
export function encodeEventData(data: EventData): string {
  return JSON.stringify(Reflect.get(Object(Event.toJSON(Event.fromPartial({ data }))), data.$case));
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
 * known type is malformed: `time` is not in ms, or `data` is not its JSON.
 */
export function decodeEvent(partition: number, id: string, fields: readonly string[]): Event | undefined {
  const entry = new Map<string, string>();
  for (let at = 0; at + 1 < fields.length; at += 2) entry.set(fields[at] ?? "", fields[at + 1] ?? "");
  const field = FIELDS.get(entry.get("type") ?? "");
  if (field === undefined) return undefined;
  // The generated reader of Event knows each kind by its field, so this code needs no list of kinds.
  const { data } = Event.fromJSON({ [field]: JSON.parse(entry.get("data") ?? "") });

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
