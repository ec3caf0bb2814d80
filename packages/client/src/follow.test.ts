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
const failed = TaskEvent.fromPartial({
  sequence: 2,
  event: { $case: "taskEnded", value: TaskEnded.fromPartial({ state: TaskState.FAILED }) },
});
type Step = number | Error | TaskEvent;

/** A caller whose clock moves only while it waits. */
function impatient(resumeMs: number): Caller {
  let ms = 0;
  const wait = async (pause: number) => {
    ms += pause;
  };
  return {
    options: async () => ({}),
    patience: () => createPatience(() => resumeMs, undefined, { now: () => ms, wait, random: () => 1 }),
    unary: (_settings, call) => call({}),
  };
}

function* play(script: readonly Step[]): Generator<TaskEvent> {
  for (const step of script) {
    if (step instanceof Error) throw step;
    yield typeof step === "number" ? TaskEvent.fromPartial({ sequence: step }) : step;
  }
}

/** A fake gateway. Its n-th watch plays the n-th script. */
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
  it("requests only the entries after the last sequence that it showed", async () => {
    const agent = scripted([1, 2, gone], [gone], [3, end]);
    assert.deepEqual(await sequencesOf(followTask(agent, impatient(60_000), FROM)), [1, 2, 3, 4]);
    assert.deepEqual(agent.asked, [0, 2, 2]);
  });

  it("shows no entry twice, even if the gateway repeats entries", async () => {
    const agent = scripted([1, 2, gone], [1, 2, 3, end]);
    assert.deepEqual(await sequencesOf(followTask(agent, impatient(60_000), FROM)), [1, 2, 3, 4]);
  });

  it("continues after the end of a task that was put back, until the gateway ends the stream", async () => {
    const agent = scripted([1, failed, 3, end], []);
    assert.deepEqual(await sequencesOf(followTask(agent, impatient(60_000), FROM)), [1, 2, 3, 4]);
    const broken = scripted([1, failed, gone], [3, end]);
    assert.deepEqual(await sequencesOf(followTask(broken, impatient(60_000), FROM)), [1, 2, 3, 4]);
  });

  it("returns the last end that it showed when it cannot ask again", async () => {
    const details = { metadata: {}, fields: [], retryAfterMs: undefined, quota: [], preconditions: [] };
    const refused = new CallError(status.NOT_FOUND, "no such task", { ...details, reason: "TASK_NOT_FOUND" });
    for (const hopeless of [gone, refused]) {
      const agent = scripted([3, end, gone], [hopeless]);
      assert.deepEqual(await sequencesOf(followTask(agent, impatient(150), FROM)), [3, 4]);
    }
    const putBack = scripted([1, failed, 3, gone], [refused]);
    await assert.rejects(sequencesOf(followTask(putBack, impatient(150), FROM)), /no such task/);
    const broken = scripted([3, end, new CallError(status.INTERNAL, "a fault")]);
    await assert.rejects(sequencesOf(followTask(broken, impatient(150), FROM)), /a fault/);
  });

  it("starts a new patience time after each entry", async () => {
    const agent = scripted([1, gone], [2, gone], [3, gone], [end]);
    assert.deepEqual(await sequencesOf(followTask(agent, impatient(150), FROM)), [1, 2, 3, 4]);
  });
});

describe("followRun", () => {
  it("returns with the end of the task, even if the gateway does not answer after it", async () => {
    const runTask: Agent["runTask"] = async function* () {
      yield { message: { $case: "task", value: Task.fromPartial({ id: "t" }) } };
      for (const event of play([1, 2, 3, end, gone])) yield { message: { $case: "event", value: event } };
    };
    const agent = { ...scripted(), runTask };
    const request = { spec: TaskSpec.fromPartial({ prompt: "x" }), requestId: "r" };
    let entries = 0;
    for await (const _ of followRun(agent, impatient(150), request)) entries += 1;
    assert.equal(entries, 5);
    assert.ok(agent.asked.length > 1, "it asked whether the task was put back");
  });

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
      seen.push("task" in entry ? entry.task.id : entry.sequence);
    }
    assert.deepEqual(seen, ["t", 1, 2, 3, 4]);
    assert.deepEqual(requests, ["r", "r"]);
    assert.deepEqual(agent.asked, [2]);
  });

  it("has the full patience time for the stream, however long the acceptance took", async () => {
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
