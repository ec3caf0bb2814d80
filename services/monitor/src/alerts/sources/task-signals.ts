import type { Client } from "@ccsp/grpc-kit";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { TaskFilter } from "@ccsp/protos/ccsp/task/v1/filter.js";
import { type Task, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { Signal, SignalSource } from "../../signals/signal.js";

const CALL_MS = 5_000;
const PAGE = 500;
const MOST_RUNNING = 5_000;
const MOST_PAGES = 10;
/** The peers are the newest ended tasks of the engine. With fewer, nothing is said of a task. */
const [MOST_PEERS, LEAST_PEERS] = [200, 20];
/** A task that has run for less than this is not said to run away, however short its peers are. */
const LEAST_MS = 10 * 60_000;
/** Most tasks that are reported: those that have run longest against their peers. */
const MOST_TASKS = 100;

/**
 * Tasks whose run is long against the 95th percentile of their peers: the newest tasks of the same engine that
 * succeeded. Only times are compared: lists of ended tasks have neither cost nor turns.
 */
export function taskSignals(queue: Pick<Client<QueueServiceService>, "list">): SignalSource {
  const list = async (filter: Partial<TaskFilter>, states: TaskState[], most: number): Promise<readonly Task[]> => {
    const tasks: Task[] = [];
    let pageToken = "";
    // A page has what matches among the newest thousands of tasks. That may be nothing while many others wait.
    for (let page = 0; page < MOST_PAGES && tasks.length < most; page += 1) {
      const request = {
        states,
        pageSize: Math.min(PAGE, most - tasks.length),
        pageToken,
        filter: TaskFilter.fromPartial(filter),
      };
      const found = await queue.list(request, { timeoutMs: CALL_MS });
      tasks.push(...found.tasks);
      pageToken = found.nextPageToken;
      if (pageToken === "") break;
    }
    return tasks;
  };
  return {
    metrics: [
      {
        name: "task_run_time_multiple",
        help: "How long a task has run, as a multiple of the 95th percentile of the newest 200 tasks of its engine that succeeded; only tasks above it that have run for 10 minutes.",
        labels: ["task", "agent", "engine"],
      },
    ],
    read: async (now) => {
      const createdBefore = new Date(now.getTime() - LEAST_MS);
      const running = (await list({ createdBefore }, [TaskState.RUNNING], MOST_RUNNING)).flatMap((task) => {
        const ms = now.getTime() - (task.startTime?.getTime() ?? now.getTime());
        return ms >= LEAST_MS ? [{ task, ms, engine: task.spec?.engine ?? "" }] : [];
      });
      const engines = [...new Set(running.map(({ engine }) => engine))];
      const peers = new Map(
        await Promise.all(
          engines.map(
            async (engine): Promise<[string, number | undefined]> => [
              engine,
              p95(await list({ engine }, [TaskState.SUCCEEDED], MOST_PEERS)),
            ],
          ),
        ),
      );
      const signals = running.flatMap(({ task, ms, engine }): Signal[] => {
        const long = peers.get(engine);
        if (long === undefined || ms <= long) return [];
        const labels = { task: task.id, agent: task.agentId, engine };
        return [{ metric: "task_run_time_multiple", labels, value: ms / Math.max(long, 1_000) }];
      });
      return signals.sort((a, b) => b.value - a.value).slice(0, MOST_TASKS);
    },
  };
}

/** The run time in ms that 95 of 100 of these tasks did not pass. Undefined with too few of them. */
function p95(tasks: readonly Task[]): number | undefined {
  const times = tasks
    .flatMap(({ startTime, endTime }) =>
      startTime === undefined || endTime === undefined ? [] : [endTime.getTime() - startTime.getTime()],
    )
    .sort((a, b) => a - b);
  return times.length < LEAST_PEERS ? undefined : times[Math.ceil(times.length * 0.95) - 1];
}
