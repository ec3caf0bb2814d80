import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { NewTask } from "../domain/intake/intake-store.js";
import type { Task } from "../domain/task/task.js";
import type { FullTask } from "../domain/task/task-store.js";
import { toBatchResponse } from "../messages/batch-message.js";
import { createSubmissions, enqueueBatch } from "./submissions.js";

/** Submissions that admit `most` calls at the same time, over a queue that stores only when the test says so. */
function submissionsFor(most: number) {
  let underWay = 0;
  const stored: string[] = [];
  const refused: string[] = [];
  let store = () => {};
  const storing = new Promise<void>((resolve) => {
    store = resolve;
  });
  const enqueue = async ({ id, agent }: NewTask): Promise<FullTask> => {
    await storing;
    if (agent === "refused") throw new Refusal("QUEUE_FULL", "no room");
    stored.push(id);
    const task: Task = {
      id,
      agent,
      engine: "e",
      class: "low",
      state: "QUEUED",
      max: 1,
      created: 1,
      size: 1,
      spec: "",
    };
    return { task, prompts: undefined, result: undefined };
  };
  const submissions = createSubmissions({
    queue: {
      enqueue,
      enqueueAll: (tasks) => Promise.allSettled(tasks.map(enqueue)),
      answer: () => assert.fail("there is no cache"),
      get: () => assert.fail("there is no cache"),
    },
    limits: { maxPromptBytes: 1_024, engines: ["e"] },
    newId: (agent) => `task of ${agent}`,
    admit() {
      if (underWay === most) throw new Refusal("OVERLOADED", "not now", { retryAfterMs: 1_500 });
      underWay += 1;
      return () => void (underWay -= 1);
    },
    observer: { refused: (fault) => void refused.push(fault instanceof Refusal ? fault.reason : String(fault)) },
  });
  return { submissions, stored, refused, store: () => store(), underWay: () => underWay };
}

const request = (agentId: string, prompt = "x") => ({ agentId, requestId: "", spec: TaskSpec.fromPartial({ prompt }) });
const reason = (expected: string) => (error: unknown) => error instanceof Refusal && error.reason === expected;

describe("submissions", () => {
  it("counts a task as in progress until it is stored, refused or found invalid", async () => {
    const { submissions, stored, refused, store, underWay } = submissionsFor(2);
    const calls = Promise.allSettled([submissions.enqueue(request("alice")), submissions.enqueue(request("refused"))]);
    assert.equal(underWay(), 2);
    await assert.rejects(submissions.enqueue(request("bob")), reason("OVERLOADED"));
    assert.equal(underWay(), 2, "a refused call is not in progress, and changes no count");
    store();
    await calls;
    assert.equal(underWay(), 0);
    await assert.rejects(submissions.enqueue(request("alice", "")), reason("INVALID_FIELD"));
    assert.equal(underWay(), 0);
    assert.deepEqual(stored, ["task of alice"]);
    assert.deepEqual(refused, ["OVERLOADED", "QUEUE_FULL", "INVALID_FIELD"]);
  });

  it("counts each task of a batch, and refuses single tasks above the limit", async () => {
    const { submissions, stored, refused, store, underWay } = submissionsFor(2);
    const items = ["x", "", "y", "z"].map((prompt) => ({ spec: TaskSpec.fromPartial({ prompt }), requestId: "" }));
    const batch = enqueueBatch(submissions, { agentId: "alice", items });
    assert.equal(underWay(), 2);
    store();
    const { outcomes } = toBatchResponse(await batch);
    assert.deepEqual(
      outcomes.map(({ outcome }) => (outcome?.$case === "refused" ? outcome.value.reason : outcome?.$case)),
      ["taskId", "INVALID_FIELD", "OVERLOADED", "OVERLOADED"],
    );
    const wrong = outcomes[1]?.outcome;
    assert.deepEqual(wrong?.$case === "refused" && wrong.value.fields.map(({ field }) => field), ["spec.prompt"]);
    const last = outcomes[3]?.outcome;
    assert.deepEqual(last?.$case === "refused" && last.value.retryAfter, { seconds: 1n, nanos: 500_000_000 });
    assert.equal(underWay(), 0);
    assert.equal(stored.length, 1);
    assert.deepEqual(refused, ["INVALID_FIELD", "OVERLOADED", "OVERLOADED"]);
  });
});
