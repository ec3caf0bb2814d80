import type { Client } from "@ccsp/grpc-kit";
import type { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import type { Task, TaskEvent, TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { Caller, CallSettings } from "./caller.js";

export type Agent = Client<AgentServiceService>;

/**
 * A task's log from after a sequence to its end, across broken streams and restarts of the gateway: every entry once and in
 * order. Throws when nothing could be reached for as long as the caller's patience lasts.
 */
export async function* followTask(
  agent: Pick<Agent, "watchTask">,
  caller: Caller,
  { taskId, afterSequence, ...settings }: CallSettings & { taskId: string; afterSequence: number },
): AsyncGenerator<TaskEvent, void> {
  const patience = caller.patience(settings);
  let last = afterSequence;
  for (;;) {
    const options = await caller.options(settings);
    try {
      for await (const { event } of agent.watchTask({ taskId, afterSequence: last }, options)) {
        patience.progressed();
        if (!event || event.sequence <= last) continue;
        last = event.sequence;
        yield event;
        if (event.event?.$case === "taskEnded") return;
      }
      return;
    } catch (error) {
      await patience.outlast(error);
    }
  }
}

/** Submits and follows in one call. When its stream breaks before the task is known, the same request is sent again. */
export async function* followRun(
  agent: Pick<Agent, "runTask" | "watchTask">,
  caller: Caller,
  { spec, requestId, ...settings }: CallSettings & { spec: TaskSpec; requestId: string },
): AsyncGenerator<{ task: Task } | { event: TaskEvent }, void> {
  const patience = caller.patience(settings);
  let task: Task | undefined;
  let last = 0;
  while (!task) {
    const options = await caller.options(settings);
    try {
      for await (const { message } of agent.runTask({ spec, requestId }, options)) {
        if (message?.$case === "task") {
          task = message.value;
          patience.progressed();
          yield { task };
        } else if (message?.$case === "event" && message.value.sequence > last) {
          last = message.value.sequence;
          patience.progressed();
          yield { event: message.value };
          if (message.value.event?.$case === "taskEnded") return;
        }
      }
      if (task) return;
    } catch (error) {
      await patience.outlast(error);
    }
  }
  for await (const event of followTask(agent, caller, { taskId: task.id, afterSequence: last, ...settings })) {
    yield { event };
  }
}
