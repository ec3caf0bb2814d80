import assert from "node:assert/strict";
import { CallError } from "@ccsp/grpc-kit";
import { Task, TaskEnded, TaskEvent, TaskSpec, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { status } from "@grpc/grpc-js";
import type { Caller } from "./caller.js";
import { type Agent, followRun, followTask } from "./follow.js";
import { createPatience } from "./patience.js";

const gone = new CallError(status.UNAVAILABLE, "this process is stopping");
const end = TaskEvent.fromPartial({
  sequence: 4,
  event: { $case: "taskEnded", value: TaskEnded.fromPartial({ state: TaskState.SUCCEEDED }) },
});
type Step = number | Error | TaskEvent;

/** A caller whose clock only moves while it waits. */
function impatient(resumeMs: number): Caller {
  let ms = 0;
  const wait = async (pause: number) => {
    ms += pause;
  };
  return {
    options: async () => ({}),
    patience: () => createPatience(resumeMs, undefined, { now: () => ms, wait }),
    unary: (_settings, call) => call({}),
  };
}

function* play(script: readonly Step[]): Generator<TaskEvent> {
  for (const step of script) {
    if (step instanceof Error) throw step;
    yield typeof step === "number" ? TaskEvent.fromPartial({ sequence: step }) : step;
  }
}

/** A gateway whose n-th watch plays the n-th script. */
function scripted(...watches: readonly (readonly Step[])[]) {
  const asked: number[] = [];
  const watchTask: Agent["watchTask"] = async function* ({ afterSequence = 0 }) {
    asked.push(afterSequence);
    for (const event of play(watches[asked.length - 1] ?? [gone])) yield { event };
  };
  return { asked, watchTask };
}

async function sequencesOf(events: AsyncIterable<TaskEvent>): Promise<number[]> {
  const sequences: number[] = [];
  for await (const { sequence } of events) sequences.push(sequence);
  return sequences;
}

const FROM = { taskId: "t", afterSequence: 0 };

describe("followTask", () => {
  it("asks again for what comes after the last sequence that it showed", async () => {
    const agent = scripted([1, 2, gone], [gone], [3, end]);
    assert.deepEqual(await sequencesOf(followTask(agent, impatient(60_000), FROM)), [1, 2, 3, 4]);
    assert.deepEqual(agent.asked, [0, 2, 2]);
  });

  it("shows nothing twice, and nothing after the end, whatever the gateway repeats", async () => {
    const agent = scripted([1, 2, gone], [1, 2, 3, end, 5]);
    assert.deepEqual(await sequencesOf(followTask(agent, impatient(60_000), FROM)), [1, 2, 3, 4]);
  });

  it("has its whole patience again after each entry", async () => {
    const agent = scripted([1, gone], [2, gone], [3, gone], [end]);
    assert.deepEqual(await sequencesOf(followTask(agent, impatient(150), FROM)), [1, 2, 3, 4]);
  });
});

describe("followRun", () => {
  it("sends the same request again until the task is known, and then only watches", async () => {
    const requests: (string | undefined)[] = [];
    const runTask: Agent["runTask"] = async function* ({ requestId }) {
      requests.push(requestId);
      if (requests.length === 1) throw gone;
      yield { message: { $case: "task", value: Task.fromPartial({ id: "t" }) } };
      for (const event of play([1, 2, gone])) yield { message: { $case: "event", value: event } };
    };
    const agent = { ...scripted([2, 3, end]), runTask };
    const request = { spec: TaskSpec.fromPartial({ prompt: "x" }), requestId: "r" };
    const seen: (number | string)[] = [];
    for await (const entry of followRun(agent, impatient(60_000), request)) {
      seen.push("task" in entry ? entry.task.id : entry.event.sequence);
    }
    assert.deepEqual(seen, ["t", 1, 2, 3, 4]);
    assert.deepEqual(requests, ["r", "r"]);
    assert.deepEqual(agent.asked, [2]);
  });

  it("has its whole patience for the stream, however long the acceptance took", async () => {
    let tries = 0;
    const runTask: Agent["runTask"] = async function* () {
      tries += 1;
      if (tries === 1) throw gone;
      yield { message: { $case: "task", value: Task.fromPartial({ id: "t" }) } };
      throw gone;
    };
    const agent = { ...scripted([1, end]), runTask };
    const request = { spec: TaskSpec.fromPartial({ prompt: "x" }), requestId: "r" };
    let entries = 0;
    for await (const _ of followRun(agent, impatient(100), request)) entries += 1;
    assert.equal(entries, 3);
  });
});
