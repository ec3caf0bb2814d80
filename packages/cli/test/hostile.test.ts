import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { implementSome, serveGrpc } from "@ccsp/grpc-kit";
import { GetExecutorStatusResponse } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import {
  AgentServiceService,
  EstimateTaskResponse,
  ExplainTaskResponse,
  GetCapabilitiesResponse,
} from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { OperatorServiceService, WhoAmIResponse } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import { GetAdaptationResponse } from "@ccsp/protos/ccsp/monitor/v1/adaptation.js";
import { GetUsageResponse } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { ListNotificationsResponse } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { EmergencyLevel } from "@ccsp/protos/ccsp/queue/v1/emergency.js";
import { ExplainTaskResponse as QueueExplanation } from "@ccsp/protos/ccsp/queue/v1/explanation.js";
import { Gate } from "@ccsp/protos/ccsp/queue/v1/gate.js";
import { Limit } from "@ccsp/protos/ccsp/queue/v1/limit.js";
import { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/status.js";
import { BlockerKind } from "@ccsp/protos/ccsp/task/v1/explanation.js";
import { Schedule } from "@ccsp/protos/ccsp/task/v1/schedule.js";
import { ErrorCategory, Task, TaskEvent, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import pino from "pino";
import { ccsp } from "./memory-io.js";

const code = (...points: number[]) => String.fromCodePoint(...points);
/** Sets the title, clears the screen with a C1 sequence, changes the direction of the text, and begins a new line. */
const HOSTILE = `${code(0x1b)}]0;owned${code(0x07)}${code(0x9b)}2J${code(0x202e)}${code(0x7f)}\r\nforged`;

/** The same message with hostile characters in every text. */
function infected<T>(value: T): T {
  const infect = (part: unknown, name: string): unknown => {
    if (typeof part === "string") return name === "$case" ? part : `${part}${HOSTILE}`;
    if (Array.isArray(part)) return part.map((item) => infect(item, name));
    if (typeof part !== "object" || part === null || part instanceof Date || part instanceof Uint8Array) return part;
    const entries = Object.entries(part).map(([key, item]) => [
      name === "labels" ? `${key}${HOSTILE}` : key,
      infect(item, key),
    ]);
    return Object.fromEntries(entries);
  };
  const made: T = Object.assign(Object.create(null), infect(value, ""));
  return made;
}

const TASK = Task.fromPartial({
  id: "t",
  state: TaskState.FAILED,
  agentId: "a",
  traceId: "x",
  attempt: 1,
  createTime: new Date(0),
  spec: { prompt: "p", engine: "e", model: "m", labels: { team: "docs" } },
  error: { category: ErrorCategory.OVERLOADED, message: "529" },
});
const DONE = Task.fromPartial({
  ...TASK,
  state: TaskState.SUCCEEDED,
  error: undefined,
  result: { text: "answer", engine: "e", engineVersion: "1", model: "m", conversationId: "c" },
});
const BLOCKERS = [{ kind: BlockerKind.GATE, message: "paused by ada" }];
const EVENTS: readonly Parameters<typeof TaskEvent.fromPartial>[0][] = [
  { event: { $case: "stateChanged", value: { state: TaskState.PARKED, reason: "why", readyTime: new Date(0) } } },
  { event: { $case: "toolUse", value: { name: "Bash" } } },
  { event: { $case: "engineNotice", value: { category: ErrorCategory.OVERLOADED, message: "slow" } } },
  { event: { $case: "textDelta", value: { text: "answer" } } },
  { event: { $case: "stateChanged", value: { state: TaskState.CANCELLING, reason: "why" } } },
  { event: { $case: "taskEnded", value: { state: TaskState.FAILED, error: { message: "529" } } } },
];
const ADAPTATION = GetAdaptationResponse.fromPartial({
  adapted: [{ subject: "agent/a", decisions: [{ what: "rate", after: 1, reason: "near" }] }],
});
const LIMIT = Limit.fromPartial({
  name: "rate/agent/a",
  value: { value: { $case: "rate", value: { startsPerMinute: 1 } } },
  source: { who: "ada", why: "flood" },
});
const GATE = { scope: { scope: { $case: "agentId", value: "a" } }, who: "ada", why: "lunch" } as const;

describe("text that others wrote, as ccsp shows it", () => {
  let target: string;
  let close: () => Promise<void>;
  before(async () => {
    const events = EVENTS.map((event, at) =>
      infected(TaskEvent.fromPartial({ ...event, sequence: at + 1, attempt: 2 })),
    );
    const done = [
      ...events.slice(0, -1),
      infected(
        TaskEvent.fromPartial({
          sequence: events.length,
          event: { $case: "taskEnded", value: { state: TaskState.SUCCEEDED, result: DONE.result } },
        }),
      ),
    ];
    const refuse = () => {
      throw new Refusal("TASK_NOT_FAILED", `no${HOSTILE}`);
    };
    const explained = { state: TaskState.QUEUED, aheadInClass: 1n, blockers: BLOCKERS };
    const schedule = { name: "s", cron: "* * * * *", timeZone: "UTC", lastRunTime: new Date(0), lastFault: "no" };
    const agents = implementSome(AgentServiceService, {
      submitTask: async () => ({ task: infected(TASK) }),
      async *runTask({ spec }) {
        yield { message: { $case: "task", value: infected(TASK) } };
        for (const event of spec?.prompt === "done" ? done : events)
          yield { message: { $case: "event", value: event } };
      },
      async *watchTask({ taskId }) {
        for (const event of taskId === "done" ? done : events) yield { event };
      },
      getTask: async ({ taskId }) => ({ task: infected(taskId === "done" ? DONE : TASK) }),
      listTasks: async () => ({ tasks: [infected(TASK)], nextPageToken: "" }),
      cancelTask: async () => ({ task: infected(TASK) }),
      retryTask: refuse,
      explainTask: async () => infected(ExplainTaskResponse.fromPartial(explained)),
      estimateTask: async () => infected(EstimateTaskResponse.fromPartial({ blockers: BLOCKERS })),
      listSchedules: async () => ({ schedules: [infected(Schedule.fromPartial(schedule))] }),
      getCapabilities: async () =>
        infected(
          GetCapabilitiesResponse.fromPartial({ engines: ["e"], version: "1", agentId: "a", scopes: ["admin"] }),
        ),
    });
    const status = GetStatusResponse.fromPartial({
      depths: [{ engine: "e", waiting: 1n }],
      gates: [GATE],
      agents: [{ agentId: "a", waiting: 1n }],
      executors: [{ executorId: "x", engines: [{ engine: "e", slots: 1 }] }],
      emergency: { level: EmergencyLevel.KILL, who: "ada", why: "leak", receipts: [{ executorId: "x" }] },
    });
    const runs = [{ taskId: "t", engine: "e", pid: 1 }];
    const executing = GetExecutorStatusResponse.fromPartial({
      ...infected({ executorId: "x", engines: [{ engine: "e", version: "1", account: "team" }] }),
      runs: [...infected({ runs }).runs, ...runs],
      sandbox: infected({ confined: false, reason: "why" }),
    });
    const operators = implementSome(OperatorServiceService, {
      getStatus: async () => infected(status),
      async *watchQueue() {
        yield { status: infected(status) };
      },
      listTasks: async () => ({ tasks: [infected(TASK)], nextPageToken: "" }),
      getTask: async () => ({ task: infected(DONE) }),
      explainTask: async () => infected(QueueExplanation.fromPartial(explained)),
      async *watchTask() {
        for (const event of events) yield { event };
      },
      cancelTask: async () => ({ task: infected(TASK) }),
      retryTask: refuse,
      pauseQueue: async () => ({ gate: infected(Gate.fromPartial(GATE)) }),
      getAdaptation: async () => infected(ADAPTATION),
      getLimits: async () => ({ limits: [infected(LIMIT)], range: undefined }),
      setLimits: async () => ({ limits: [infected(LIMIT)] }),
      emergencyStop: async () => ({ status: infected(status.emergency), confirmed: true }),
      listExecutors: async () => ({
        executors: [
          // A short id can be looked for by a person.
          { ...infected({ executorId: "x", address: "h" }), status: executing, error: "" },
          infected({ executorId: "y", address: "h", status: undefined, error: "gone" }),
        ],
      }),
      async *tailRun() {
        yield { text: `answer${HOSTILE}`, gap: false };
      },
      setDraining: () => {
        throw new Refusal("EXECUTOR_NOT_FOUND", `no${HOSTILE}`);
      },
      getUsage: async () => infected(GetUsageResponse.fromPartial({ rows: [{ agentId: "a", model: "m" }] })),
      listNotifications: async () =>
        infected(ListNotificationsResponse.fromPartial({ notifications: [{ summary: "s" }] })),
      whoAmI: async () => infected(WhoAmIResponse.fromPartial({ subject: "a", scopes: ["s"], proof: "p" })),
    });
    const server = await serveGrpc({
      listen: { host: "127.0.0.1", port: 0 },
      log: pino({ level: "silent" }),
      lameDuckMs: 0,
      drainMs: 1_000,
      services: [agents, operators],
    });
    target = `127.0.0.1:${server.port}`;
    close = () => server.close();
  });
  after(() => close());

  const at = (line: string, terminal: boolean) =>
    ccsp(line.split(" "), {
      terminal,
      // Wide enough to cut nothing.
      columns: 100_000,
      env: { CCSP_GATEWAY: target, CCSP_TOKEN: "a-token", NO_COLOR: "1" },
    });

  const commands = [
    "run p",
    "run done",
    "submit p",
    "watch t",
    "watch done",
    "get t",
    "get done",
    "list",
    "cancel t",
    "retry t",
    "explain t",
    "estimate p",
    "schedule list",
    "status",
    "queue status",
    "queue list",
    "queue get t",
    "queue explain t",
    "queue log t",
    "queue cancel t",
    "queue retry t",
    "pause agent/a --why lunch",
    "adaptation",
    "limits list",
    "limits set rate/agent/a 1 --why flood",
    "emergency stop --level kill --why leak",
    "executor list",
    "executor runs",
    "executor tail t",
    "executor drain y",
    "whoami",
  ];
  for (const command of commands) {
    for (const json of ["", " --json", " -o yaml"]) {
      if (json === " -o yaml" && /^(run|watch|queue log|executor tail)/.test(command)) continue;
      it(`${command}${json} is harmless on a terminal, and still names the fields`, async () => {
        const { stdout, stderr } = await at(command + json, true);
        const shown = stdout + stderr;
        assert.match(shown, /forged/);
        assert.doesNotMatch(shown.replaceAll("\r\n", "\n").replaceAll("\n", ""), /[\p{Cc}\p{Bidi_Control}]/u);
        // Only an answer may have several lines.
        if (!/^(run|watch|get done|queue get|executor tail)/.test(command) || json)
          assert.doesNotMatch(shown, /^forged/m);
        else assert.equal(shown.match(/^forged/gm)?.length, 1);
      });
    }
  }

  for (const command of ["run done", "watch done", "get done", "executor tail t"]) {
    it(`${command} gives an answer to a pipe byte for byte, and fields escaped`, async () => {
      const { stdout, stderr } = await at(command, false);
      assert(stdout.includes(`answer${HOSTILE}`), JSON.stringify(stdout));
      assert.doesNotMatch(
        (stdout.replace(`answer${HOSTILE}`, "") + stderr).replaceAll("\n", ""),
        /[\p{Cc}\p{Bidi_Control}]/u,
      );
    });
  }
});
