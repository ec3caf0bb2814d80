import { type FieldViolation, invalidFields, Refusal } from "@ccsp/errors";
import type { Refused, SubmitOutcome } from "@ccsp/protos/ccsp/task/v1/submission.js";
import { fromJson, JsonFault } from "@ccsp/protos/from-json.js";
import type { FastifyRequest } from "fastify";
import { readRequest } from "./request.js";
import type { Route } from "./routes.js";

/** The queue refuses a batch of more tasks. */
const MOST_TASKS = 1_000;

/** The message of a batch, and the refusals of the tasks that cannot be read, by their places. */
export interface Batch {
  readonly message: object;
  readonly wrong: ReadonlyMap<number, Refused>;
}

/**
 * Reads a batch of tasks. What is wrong with a task refuses this task alone, as the queue and the SDKs do. In the
 * message, an empty task has its place: the queue refuses it too, and counts it.
 */
export function readBatch(route: Route, typeName: string, request: FastifyRequest): Batch {
  const wrong = new Map<number, Refused>();
  try {
    return { message: readRequest(route, typeName, request), wrong };
  } catch (error) {
    const { body, raw, params, headers } = request;
    const tasks: unknown = Reflect.get(Object(body), "tasks");
    if (!(error instanceof Refusal) || !Array.isArray(tasks) || tasks.length > MOST_TASKS) throw error;
    const readable = tasks.map((task: unknown, at) => {
      const refused = faultOf(task);
      if (refused) wrong.set(at, refused);
      return refused ? {} : task;
    });
    return {
      message: readRequest(route, typeName, { body: { ...Object(body), tasks: readable }, raw, params, headers }),
      wrong,
    };
  }
}

function faultOf(task: unknown): Refused | undefined {
  if (!isObject(task)) return refusal([{ field: "the task", description: "is not a JSON object" }]);
  try {
    fromJson("ccsp.gateway.v1.SubmitTaskRequest", task);
    return undefined;
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    return refusal(error.fields);
  }
}

function refusal(faults: readonly FieldViolation[]): Refused {
  const { reason, message, fields } = invalidFields(faults);
  return { reason, message, retryAfter: undefined, fields: [...fields] };
}

/** The answer to a batch, with the refusals of the tasks that could not be read. */
export const withRefused = (answer: object, wrong: Batch["wrong"]): object => {
  const outcomes: readonly SubmitOutcome[] = Object(answer).outcomes;
  return { ...answer, outcomes: outcomes.map((outcome, at) => refusedAt(wrong, at) ?? outcome) };
};

function refusedAt(wrong: Batch["wrong"], at: number): SubmitOutcome | undefined {
  const value = wrong.get(at);
  return value && { outcome: { $case: "refused", value } };
}

const isObject = (json: unknown): boolean => typeof json === "object" && json !== null && !Array.isArray(json);
