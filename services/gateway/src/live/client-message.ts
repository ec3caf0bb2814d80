import { invalidFields } from "@ccsp/errors";
import { isOfTask, TOPIC_NAMES, type TopicName } from "./topics.js";

/** What a subscription is limited to. An absent member limits nothing. `log` and `tail` always have a task. */
export interface EventFilter {
  readonly taskId?: string | undefined;
  readonly agentId?: string | undefined;
}

/** What a client says. */
export type ClientMessage =
  | { readonly op: "auth"; readonly token: string }
  | {
      readonly op: "subscribe";
      readonly id: string;
      readonly topic: TopicName;
      readonly filter: EventFilter;
      readonly after: string | undefined;
    }
  | { readonly op: "unsubscribe"; readonly id: string }
  | { readonly op: "ping" };

const MAX_ID = 64;
/** Longer than any cursor and any agent's id. */
const MAX_TEXT = 2_048;
/** Tokens of people carry their groups. */
const MAX_TOKEN = 12 * 1024;
const SEQUENCE = /^\d{1,9}$/;

/** Reads a frame of a client. Refuses with INVALID_FIELD, which names the first fault of the frame. */
export function readClientMessage(frame: string): ClientMessage {
  const message = objectOf(frame);
  const field = (name: string) => textOf(message, name, name, MAX_TEXT);
  const needed = (name: string, most = MAX_ID) => textOf(message, name, name, most) ?? fault(name, "is missing");
  const { op } = message;
  switch (op) {
    case "auth":
      return { op, token: needed("token", MAX_TOKEN) };
    case "subscribe": {
      const topic = needed("topic");
      if (!isTopic(topic)) return fault("topic", `must be one of ${TOPIC_NAMES.join(", ")}`);
      const filter = filterOf(topic, message["filter"]);
      return { op, id: needed("id"), topic, filter, after: placeIn(topic, field("after")) };
    }
    case "unsubscribe":
      return { op, id: needed("id") };
    case "ping":
      return { op };
    default:
      return fault("op", "must be one of auth, subscribe, unsubscribe, ping");
  }
}

function filterOf(topic: TopicName, filter: unknown): EventFilter {
  if (isOfTask(topic)) return { taskId: taskOf(topic, filter) };
  if (filter === undefined) return {};
  if (topic !== "tasks") return fault("filter", "is only for the topics tasks, log and tail");
  if (!isObject(filter)) return fault("filter", "is not an object");
  const unknown = Object.keys(filter).find((name) => name !== "taskId" && name !== "agentId");
  if (unknown !== undefined) return fault("filter", "has members other than taskId and agentId");
  const member = (name: string) => textOf(filter, name, `filter.${name}`, MAX_TEXT);
  return { taskId: member("taskId"), agentId: member("agentId") };
}

function taskOf(topic: TopicName, filter: unknown): string {
  if (!isObject(filter)) return fault("filter", `of the topic ${topic} is an object with a taskId`);
  if (Object.keys(filter).some((name) => name !== "taskId")) fault("filter", "has members other than taskId");
  return textOf(filter, "taskId", "filter.taskId", MAX_TEXT) ?? fault("filter.taskId", "is missing");
}

/** A cursor means nothing here, so it is only passed on. A place in a log is the sequence of an entry. */
function placeIn(topic: TopicName, after: string | undefined): string | undefined {
  if (after === undefined || !isOfTask(topic)) return after;
  if (topic === "tail") return fault("after", "is not for the topic tail, which begins with what is there");
  return SEQUENCE.test(after) ? after : fault("after", "is not the sequence of an entry of the log");
}

function objectOf(frame: string): Readonly<Record<string, unknown>> {
  try {
    const message: unknown = JSON.parse(frame);
    if (isObject(message)) return message;
  } catch {
    // The refusal below says it.
  }
  return fault("message", "is not a JSON object");
}

function textOf(
  from: Readonly<Record<string, unknown>>,
  name: string,
  field: string,
  most: number,
): string | undefined {
  const text = from[name];
  if (text === undefined) return undefined;
  if (typeof text !== "string" || text === "") return fault(field, "is not a text");
  return text.length > most ? fault(field, `has more than ${most} characters`) : text;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isTopic = (name: string): name is TopicName => TOPIC_NAMES.some((topic) => topic === name);

function fault(field: string, description: string): never {
  throw invalidFields([{ field, description }]);
}
