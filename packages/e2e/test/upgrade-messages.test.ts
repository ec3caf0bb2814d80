import assert from "node:assert/strict";
import {
  AgentServiceService,
  EstimateTaskResponse,
  ExplainTaskResponse,
  ListSchedulesResponse,
  ListTasksRequest,
  SubmitTasksResponse,
} from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import {
  CancelTasksRequest,
  EnqueueBatchResponse,
  PutScheduleRequest,
  QueueServiceService,
} from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { BlockerKind } from "@ccsp/protos/ccsp/task/v1/explanation.js";
import { MissedRuns } from "@ccsp/protos/ccsp/task/v1/schedule.js";
import { ErrorCategory, Priority, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { type EarlierClient, loadClient } from "../src/earlier-release.js";

/** How both releases encode one kind of message. */
interface Codec<T> {
  encode(value: T): Buffer;
  decode(bytes: Buffer): T;
}

const TIME = new Date("2026-10-01T12:00:00.250Z");
const filter = {
  agentId: "alice",
  states: [TaskState.FAILED, TaskState.EXPIRED],
  engine: "claude-code",
  priorities: [Priority.URGENT],
  labels: { team: "a" },
  createdAfter: TIME,
  createdBefore: TIME,
  errorCategories: [ErrorCategory.TIMEOUT],
};
const schedule = {
  agentId: "alice",
  name: "hourly",
  cron: "0 * * * *",
  timeZone: "Asia/Tokyo",
  spec: { prompt: "hello", priority: Priority.LOW },
  missedRuns: MissedRuns.RUN_ALL,
  paused: true,
  createTime: TIME,
  lastTaskId: "0-1",
  lastRunTime: TIME,
  nextRunTimes: [TIME, TIME],
  lastFault: "QUEUE_FULL",
};
const blockers = [{ kind: BlockerKind.TURN, message: "3 tasks start before it", until: TIME }];
const estimate = { p50: { seconds: 1n }, p95: { seconds: 9n, nanos: 5 }, p90: { seconds: 8n } };
const outcomes = [
  { outcome: { $case: "taskId", value: "0-1" } as const },
  {
    outcome: {
      $case: "refused",
      value: { reason: "QUEUE_FULL", message: "full", retryAfter: { seconds: 2n } },
    } as const,
  },
];

describe("the messages that moved from the queue's protos to the public ones", () => {
  let wire: EarlierClient["wire"];
  before(async () => void ({ wire } = await loadClient("0.2.0")));

  const same = <T>(today: Codec<T>, earlier: Codec<T>, message: T): void => {
    const bytes = today.encode(message);
    assert.ok(bytes.length > 0);
    assert.deepEqual(bytes, earlier.encode(message));
    assert.deepEqual(today.decode(bytes), message);
    // The earlier type has no fields that are new since, so its objects are compared by their bytes.
    assert.deepEqual(earlier.encode(earlier.decode(bytes)), bytes);
  };
  const requests = <T>(method: { requestSerialize(value: T): Buffer; requestDeserialize(bytes: Buffer): T }) => ({
    encode: method.requestSerialize,
    decode: method.requestDeserialize,
  });
  const responses = <T>(method: { responseSerialize(value: T): Buffer; responseDeserialize(bytes: Buffer): T }) => ({
    encode: method.responseSerialize,
    decode: method.responseDeserialize,
  });

  it("have the bytes of 0.2.0 in the agents' API, with every field set", () => {
    const [now, then] = [AgentServiceService, wire.AgentServiceService];
    same(requests(now.listTasks), requests(then.listTasks), ListTasksRequest.fromPartial({ filter }));
    same(responses(now.submitTasks), responses(then.submitTasks), SubmitTasksResponse.fromPartial({ outcomes }));
    const schedules = ListSchedulesResponse.fromPartial({ schedules: [schedule] });
    same(responses(now.listSchedules), responses(then.listSchedules), schedules);
    const explained = ExplainTaskResponse.fromPartial({ state: TaskState.QUEUED, blockers, estimate });
    same(responses(now.explainTask), responses(then.explainTask), explained);
    const estimated = EstimateTaskResponse.fromPartial({ start: estimate, runTime: estimate, blockers });
    same(responses(now.estimateTask), responses(then.estimateTask), estimated);
  });

  it("have the bytes of 0.2.0 between the services too", () => {
    const [now, then] = [QueueServiceService, wire.QueueServiceService];
    same(requests(now.cancelTasks), requests(then.cancelTasks), CancelTasksRequest.fromPartial({ filter }));
    same(requests(now.putSchedule), requests(then.putSchedule), PutScheduleRequest.fromPartial({ schedule }));
    same(responses(now.enqueueBatch), responses(then.enqueueBatch), EnqueueBatchResponse.fromPartial({ outcomes }));
  });
});
