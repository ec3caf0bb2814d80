import { TailRunResponse } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import type { TaskEvent } from "@ccsp/protos/ccsp/task/v1/task.js";
import { type Json, toJson } from "@ccsp/protos/json.js";
import type { IncomingCall } from "../application/call.js";
import type { HttpDeps } from "../http/deps.js";
import { TAIL_RUN, WATCH_OWN_TASKS, WATCH_TASK } from "./topics.js";

/** A message of the topic `log` or `tail`. */
export interface StreamEntry {
  readonly sequence: number;
  /** The place after this entry. Without it, nobody can continue here. */
  readonly cursor?: string;
  readonly name: string;
  readonly time: Date;
  readonly data: Json;
}

/** Where in which task a client begins. */
export interface StreamPlace {
  readonly taskId: string;
  readonly afterSequence: number;
}

export type TaskStream = (from: StreamPlace, call: IncomingCall) => AsyncIterable<StreamEntry>;

/** The streams of one task, by the RPC that shows the same. */
export function taskStreams({
  agents,
  operators,
}: Pick<HttpDeps, "agents" | "operators">): ReadonlyMap<string, TaskStream> {
  return new Map<string, TaskStream>([
    [
      WATCH_TASK,
      (from, call) => logOf(operators.watchTask({ ...from, agentId: "", untilNow: false, reader: "" }, call)),
    ],
    [WATCH_OWN_TASKS, (from, call) => logOf(agents.watchTask({ ...from, untilNow: false }, call))],
    [TAIL_RUN, ({ taskId }, call) => tailOf(operators.tailRun({ executorId: "", taskId }, call))],
  ]);
}

async function* logOf(
  answers: AsyncIterable<{ readonly event: TaskEvent | undefined }>,
): AsyncGenerator<StreamEntry, void> {
  for await (const { event } of answers) {
    if (!event) continue;
    const { sequence, time = new Date(), event: entry } = event;
    const data = toJson("ccsp.task.v1.TaskEvent", event);
    yield { sequence, cursor: String(sequence), name: entry?.$case ?? "unknown", time, data };
  }
}

async function* tailOf(answers: AsyncIterable<TailRunResponse>): AsyncGenerator<StreamEntry, void> {
  let sequence = 0;
  for await (const answer of answers) {
    sequence += 1;
    yield { sequence, name: "output", time: new Date(), data: toJson("ccsp.executor.v1.TailRunResponse", answer) };
  }
}
