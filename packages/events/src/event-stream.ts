import { Event } from "@ccsp/protos/ccsp/event/v1/event.js";

export type EventData = NonNullable<Event["data"]>;

/** The `type` field of each kind of event, as event.proto names it. */
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
};

const FIELDS = new Map(Object.entries(EVENT_TYPES).map(([field, type]) => [type, field]));

/** The stream, which is one key for each partition. */
export const EVENTS = "ccsp:events";

/**
 * The stream of one partition. Partition n shares the hash tag `{n}` with the queue's shard n, since a state change and
 * its event are one script, and a script's keys must be on one node.
 */
export function eventsKey(partition: number): string {
  return `${EVENTS}:{${partition}}`;
}

/** Where a group's entries go that could not be handled (README.md, "Poison"). */
export function parkedKey(partition: number, group: string): string {
  return `${eventsKey(partition)}:parked:${group}`;
}

/** Events that a partition keeps, about: Redis trims whole nodes of 100. Who writes, trims. */
export const EVENTS_KEPT = 100_000;

/** The `data` field: proto JSON of the data message. */
export function encodeEventData(data: EventData): string {
  return JSON.stringify(Reflect.get(Object(Event.toJSON(Event.fromPartial({ data }))), data.$case));
}

/** An event as the flat list of names and values that `decodeEvent` reads. What has nothing to say is left out. */
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
 * An entry as an Event; `fields` is the flat list of names and values that Redis answers. Field names that are not known
 * are passed over. Undefined for an event of an unknown type, which a newer writer may send.
 * Throws when a known type's entry is malformed: no `time` in ms, or `data` that is not its JSON.
 */
export function decodeEvent(partition: number, id: string, fields: readonly string[]): Event | undefined {
  const entry = new Map<string, string>();
  for (let at = 0; at + 1 < fields.length; at += 2) entry.set(fields[at] ?? "", fields[at + 1] ?? "");
  const field = FIELDS.get(entry.get("type") ?? "");
  if (field === undefined) return undefined;
  // The generated reader of Event knows each kind by its field, so no list of kinds is kept here.
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
