import { visible } from "@ccsp/errors";
import type { Handlers } from "@ccsp/grpc-kit";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { toDuration } from "@ccsp/protos/duration.js";
import type { BacklogHint } from "../application/backlog.js";
import type { Complete } from "../application/complete.js";
import { deliver } from "../application/deliver.js";
import type { TaskSpans } from "../application/task-spans.js";
import type { TaskConversations } from "../conversations/task-conversations.js";
import { cut, MAX_REASON_BYTES } from "../domain/fields/text.js";
import { usedUp } from "../domain/gates/budget-holds.js";
import type { Gates } from "../domain/gates/gate-keeper.js";
import type { Sync } from "../domain/leases/sync.js";
import type { Queue } from "../domain/lifecycle/queue.js";
import { toOrder } from "../messages/emergency-message.js";
import { failFacts } from "../messages/run-facts.js";
import { toLease } from "../messages/task-message.js";
import { toState } from "../messages/words.js";
import { readFailure, readReport, readSync, readWindows } from "./requests.js";

export interface LeaseDeps {
  readonly queue: Queue;
  readonly gates: Gates;
  readonly sync: Sync;
  readonly complete: Complete;
  readonly conversations: TaskConversations;
  readonly backlog: BacklogHint;
  readonly traces: Pick<TaskSpans, "leased">;
  /** Redis' time, in ms since 1970. */
  readonly clock: { now(): number };
}

type Rpc = "sync" | "report" | "complete" | "fail" | "release";

/** The RPCs with which an executor gets, renews and ends its leases. */
export function leaseHandlers({
  queue,
  gates,
  sync,
  complete,
  conversations,
  backlog,
  traces,
  clock,
}: LeaseDeps): Pick<Handlers<QueueServiceService>, Rpc> {
  return {
    async sync(request, context) {
      const input = readSync(request, context);
      for (const said of readWindows(request)) await gates.windowsSaid(said, clock.now());
      const answer = await sync(input, context.signal);
      return {
        leases: await deliver(
          answer.grants,
          async (grant) => ({ ...toLease(grant), conversation: await conversations.ofLease(grant.task) }),
          { queue, traces },
        ),
        cancellations: answer.cancelled.map(({ id, fence, reason }) => ({ taskId: id, fence: BigInt(fence), reason })),
        lostTaskIds: [...answer.lost],
        nextSync: toDuration(answer.nextSyncMs),
        leaseLength: toDuration(answer.leaseMs),
        emergency: answer.emergency && toOrder(answer.emergency),
        time: new Date(clock.now()),
        backlog: (request.adaptsSlots ? await backlog() : []).map(({ engine, waiting, oldestAgeMs = 0 }) => ({
          engine,
          waiting: BigInt(waiting),
          oldestAge: toDuration(oldestAgeMs),
        })),
        runHolds: answer.runHolds.map(({ id, fence, budgets }) => ({
          taskId: id,
          fence: BigInt(fence),
          reason: budgets.map(usedUp).join("; "),
        })),
      };
    },

    async report(request) {
      await queue.report(readReport(request));
      return {};
    },

    async complete(request) {
      await complete({ ...request, fence: Number(request.fence) });
      return {};
    },

    async fail(request) {
      const error = readFailure(request);
      return { state: toState(await queue.fail(request.taskId, Number(request.fence), error, failFacts(request))) };
    },

    async release({ taskId, fence, reason }) {
      await queue.release(taskId, Number(fence), cut(visible(reason), MAX_REASON_BYTES));
      return {};
    },
  };
}
