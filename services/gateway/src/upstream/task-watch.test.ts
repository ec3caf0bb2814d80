import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { CallError } from "@ccsp/grpc-kit";
import { Task, TaskEvent, TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { eventually } from "@ccsp/testkit";
import { status } from "@grpc/grpc-js";
import { type QueueClient, type RunMessage, runInQueue, watchTask } from "./task-watch.js";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

const gone = () => new CallError(status.UNAVAILABLE, "this process is stopping");
const FROM = { taskId: "t", agentId: "alice", afterSequence: 0 };

/** A fake queue whose n-th watch answers with the n-th script: sequence numbers, then an error or a normal end. */
function scripted(...watches: readonly (readonly (number | Error)[])[]) {
  const asked: number[] = [];
  const watch: QueueClient["watch"] = async function* ({ afterSequence = 0 }) {
    const script = watches[Math.min(asked.length, watches.length - 1)] ?? [];
    asked.push(afterSequence);
    for (const step of script) {
      if (step instanceof Error) throw step;
      yield { event: TaskEvent.fromPartial({ sequence: step }) };
    }
  };
  return { asked, watch };
}

function clock() {
  let ms = 0;
  return {
    now: () => ms,
    random: () => 1,
    wait: async (pause: number) => {
      ms += pause;
    },
  };
}

/** The same fake queue with a Run before the watches. The first message of Run has the task. */
function scriptedRun(run: readonly ("task" | number | Error)[], ...watches: readonly (readonly (number | Error)[])[]) {
  const runs: string[] = [];
  const start: QueueClient["run"] = async function* ({ requestId = "" }) {
    runs.push(requestId);
    for (const step of run) {
      if (step instanceof Error) throw step;
      if (step === "task") yield { task: Task.fromPartial({ id: "t" }), event: undefined };
      else yield { task: undefined, event: TaskEvent.fromPartial({ sequence: step }) };
    }
  };
  return { ...scripted(...watches), runs, run: start };
}

async function messagesOf(run: AsyncIterable<RunMessage>): Promise<(string | number)[]> {
  const messages: (string | number)[] = [];
  for await (const { $case, value } of run) messages.push($case === "event" ? value.sequence : `task ${value.id}`);
  return messages;
}

async function sequencesOf(events: AsyncIterable<TaskEvent>): Promise<number[]> {
  const sequences: number[] = [];
  for await (const { sequence } of events) sequences.push(sequence);
  return sequences;
}

const ROOM = { tryReserve: () => true, reserve: async () => undefined };
const context = () => ({ signal: new AbortController().signal, deadline: undefined, unread: ROOM });

describe("watchTask", () => {
  it("continues after the last sequence when the streaming replica stops", async () => {
    const queue = scripted([1, 2, gone()], [gone()], [3, 4]);
    const events = watchTask(queue, FROM, context(), { giveUpMs: 30_000, ...clock() });
    assert.deepEqual(await sequencesOf(events), [1, 2, 3, 4]);
    assert.deepEqual(queue.asked, [0, 2, 2]);
  });

  it("asks every replica for the log until now if its caller wants no more", async () => {
    const asked: unknown[] = [];
    const watch: QueueClient["watch"] = async function* ({ untilNow }) {
      asked.push(untilNow);
      yield { event: TaskEvent.fromPartial({ sequence: asked.length }) };
      if (asked.length === 1) throw gone();
    };
    const events = watchTask({ watch }, { ...FROM, untilNow: true }, context(), { giveUpMs: 30_000, ...clock() });
    assert.deepEqual(
      [await sequencesOf(events), asked],
      [
        [1, 2],
        [true, true],
      ],
    );
  });

  it("drops repeated entries of a replica", async () => {
    const queue = scripted([1, 2, gone()], [1, 2, 3]);
    const events = watchTask(queue, FROM, context(), { giveUpMs: 30_000, ...clock() });
    assert.deepEqual(await sequencesOf(events), [1, 2, 3]);
  });

  it("gives up when no replica answers for the time in the policy", async () => {
    const queue = scripted([1, gone()], [gone()]);
    const time = clock();
    await assert.rejects(
      sequencesOf(watchTask(queue, FROM, context(), { giveUpMs: 10_000, ...time })),
      /this process is stopping/,
    );
    assert.ok(time.now() >= 10_000 && time.now() <= 13_000, `gave up after ${time.now()} ms`);
  });

  it("throws at once when no replica answers at the start, so the agent asks another gateway", async () => {
    const queue = scripted([gone()]);
    const time = clock();
    const watching = sequencesOf(watchTask(queue, FROM, context(), { giveUpMs: 30_000, ...time }));
    await assert.rejects(watching, /this process is stopping/);
    assert.deepEqual([queue.asked.length, time.now()], [1, 0]);
  });

  it("requests a large entry again when there is memory for it, and does not hold it until then", async () => {
    const queue = scripted([1, 2], [1, 2, 3]);
    const steps: string[] = [];
    const unread = {
      tryReserve: () => steps.length > 0,
      async reserve() {
        steps.push("waited");
      },
    };
    const watching = watchTask(queue, FROM, { ...context(), unread }, { giveUpMs: 1, ...clock() });
    assert.deepEqual(await sequencesOf(watching), [1, 2, 3]);
    assert.deepEqual([steps, queue.asked], [["waited"], [0, 0]]);
  });

  it("keeps nothing of an entry that has no room while it waits for room", async () => {
    let refused: WeakRef<object> | undefined;
    const watch: QueueClient["watch"] = async function* () {
      const response = { event: TaskEvent.fromPartial({ sequence: 1 }) };
      refused = new WeakRef(response.event);
      yield response;
    };
    const waiting = Promise.withResolvers<void>();
    const reserve = () => (waiting.resolve(), new Promise<void>(() => undefined));
    const full = { ...context(), unread: { tryReserve: () => false, reserve } };
    const events = watchTask({ watch }, FROM, full, { giveUpMs: 30_000, ...clock() });
    void events.next();
    await waiting.promise;
    await eventually(() => {
      collectGarbage();
      assert.ok(refused?.deref() === undefined);
    });
    assert.ok(events);
  });

  it("restarts the time limit after each event", async () => {
    const queue = scripted([1, gone()], [2, gone()], [3, gone()], [4, gone()], [5]);
    const events = watchTask(queue, FROM, context(), { giveUpMs: 60, ...clock() });
    assert.deepEqual(await sequencesOf(events), [1, 2, 3, 4, 5]);
  });

  it("does not repeat a watch that was refused", async () => {
    const queue = scripted([new CallError(status.NOT_FOUND, "no such task")]);
    await assert.rejects(
      sequencesOf(watchTask(queue, FROM, context(), { giveUpMs: 30_000, ...clock() })),
      /no such task/,
    );
    assert.equal(queue.asked.length, 1);
  });

  it("stops when the agent has disconnected", async () => {
    const agent = new AbortController();
    const queue = scripted([1, gone()]);
    const wait = async () => agent.abort();
    await assert.rejects(
      sequencesOf(
        watchTask(queue, FROM, { signal: agent.signal, deadline: undefined, unread: ROOM }, { giveUpMs: 30_000, wait }),
      ),
      /this process is stopping/,
    );
    assert.equal(queue.asked.length, 2);
  });
});

describe("runInQueue", () => {
  const request = { agentId: "alice", spec: TaskSpec.fromPartial({}), requestId: "r" };
  const policy = () => ({ giveUpMs: 30_000, ...clock() });

  it("calls the queue once when nothing fails", async () => {
    const queue = scriptedRun(["task", 1, 2]);
    assert.deepEqual(await messagesOf(runInQueue(queue, request, context(), policy())), ["task t", 1, 2]);
    assert.deepEqual([queue.runs, queue.asked], [["r"], []]);
  });

  it("continues after the last sequence when the replica stops once the task exists", async () => {
    const first = scriptedRun(["task", gone()], [1, gone()], [2]);
    assert.deepEqual(await messagesOf(runInQueue(first, request, context(), policy())), ["task t", 1, 2]);
    assert.deepEqual(first.asked, [0, 1]);
    const later = scriptedRun(["task", 1, 2, gone()], [3]);
    assert.deepEqual(await messagesOf(runInQueue(later, request, context(), policy())), ["task t", 1, 2, 3]);
    assert.deepEqual([later.runs, later.asked], [["r"], [2]]);
  });

  it("watches nothing when the task was not accepted, or its stream was refused", async () => {
    for (const [steps, fault] of [
      [[gone()], /this process is stopping/],
      [[new CallError(status.RESOURCE_EXHAUSTED, "the queue is full")], /the queue is full/],
      [["task", new CallError(status.NOT_FOUND, "no such task")], /no such task/],
      [[], /without a task/],
    ] as const) {
      const queue = scriptedRun(steps, [1]);
      await assert.rejects(messagesOf(runInQueue(queue, request, context(), policy())), fault);
      assert.deepEqual(queue.asked, []);
    }
  });
});
