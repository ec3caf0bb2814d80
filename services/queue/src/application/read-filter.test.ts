import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { ListRequest } from "@ccsp/protos/ccsp/queue/v1/task_reads.js";
import { TaskFilter } from "@ccsp/protos/ccsp/task/v1/filter.js";
import { ErrorCategory, Priority, type Task as TaskMessage, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import * as fc from "fast-check";
import { Faults } from "../domain/fields/faults.js";
import { matches } from "../domain/search/filter.js";
import { OPERATOR } from "../domain/task/caller.js";
import { labelName } from "../domain/task/labels.js";
import { CLASSES, STATES, type Task } from "../domain/task/task.js";
import { storeSpec, toTaskMessage } from "../messages/task-message.js";
import { priorityOf } from "../messages/words.js";
import { readBulkFilter, readList } from "./read-filter.js";

const read = (filter: Parameters<typeof TaskFilter.fromPartial>[0]) => {
  const faults = new Faults();
  const answer = readBulkFilter(TaskFilter.fromPartial(filter), faults);
  faults.check();
  return answer;
};

describe("a task filter", () => {
  it("matches exactly the tasks with all of its values", () => {
    let matched = 0;
    fc.assert(
      fc.property(TASKS, FILTERS, ({ task, labels }, filter) => {
        fc.pre(TaskFilter.encode(filter).finish().length > 0);
        const { spec } = storeSpec({ ...NO_SPEC, engine: task.engine, labels });
        const names = Object.entries(labels).map(([key, value]) => labelName(key, value));
        const stored = { ...task, spec, labels: names };
        const shown = toTaskMessage({ task: stored, prompts: undefined, result: undefined });
        const answer = matches(stored, read(filter));
        matched += answer ? 1 : 0;
        assert.equal(answer, shows(shown, filter));
      }),
      { numRuns: 2_000 },
    );
    assert.ok(matched > 50, `only ${matched} matched`);
  });

  it("without a field is refused where it would match every task", () => {
    assert.throws(() => read({}), { reason: "INVALID_FIELD" });
    const faults = new Faults();
    readBulkFilter(undefined, faults);
    assert.ok(faults.found);
  });

  it("has a bounded number of values, because each task is compared with all of them", () => {
    const long = {
      states: Array(100_000).fill(TaskState.UNSPECIFIED),
      priorities: Array(100_000).fill(Priority.HIGH),
      errorCategories: Array(100_000).fill(ErrorCategory.UNSPECIFIED),
      labels: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`l${i}`, ""])),
    };
    assert.deepEqual(
      fieldsOf(() => read(long)).filter((field) => !field.includes("[")),
      ["filter.labels", "filter.states", "filter.priorities", "filter.error_categories"],
    );
    assert.ok(fieldsOf(() => read(long)).length < 200);
    const states = Array(100_000).fill(TaskState.QUEUED);
    const list = () => readList(ListRequest.fromPartial({ states }), OPERATOR);
    assert.deepEqual(fieldsOf(list), ["states"]);
  });

  it("names every field with an impossible value", () => {
    const wrong = {
      agentId: "a/b",
      states: [TaskState.UNSPECIFIED, TaskState.QUEUED],
      priorities: [77 as Priority],
      errorCategories: [ErrorCategory.UNSPECIFIED],
      createdAfter: new Date(Number.NaN),
    };
    assert.throws(
      () => read(wrong),
      (error) => {
        assert.ok(error instanceof Error && "fields" in error && Array.isArray(error.fields));
        const fields = error.fields.map(({ field }: { field: string }) => field);
        assert.deepEqual(fields.toSorted(), [
          "filter.agent_id",
          "filter.created_after",
          "filter.error_categories[0]",
          "filter.priorities[0]",
          "filter.states[0]",
        ]);
        return true;
      },
    );
  });
});

function fieldsOf(check: () => unknown): readonly string[] {
  try {
    check();
  } catch (error) {
    assert.ok(error instanceof Refusal);
    return error.fields.map(({ field }) => field);
  }
  return [];
}

/** Whether a task matches, written by hand from the contract and from what a client sees of the task. */
function shows(task: TaskMessage, filter: TaskFilter): boolean {
  const created = task.createTime?.getTime() ?? 0;
  if (filter.agentId && task.agentId !== filter.agentId) return false;
  if (filter.states.length > 0 && !filter.states.includes(task.state)) return false;
  if (filter.engine && task.spec?.engine !== filter.engine) return false;
  if (filter.priorities.length > 0 && !filter.priorities.includes(task.spec?.priority ?? 0)) return false;
  for (const [key, value] of Object.entries(filter.labels)) if (task.spec?.labels[key] !== value) return false;
  if (filter.createdAfter && created < filter.createdAfter.getTime()) return false;
  if (filter.createdBefore && created >= filter.createdBefore.getTime()) return false;
  const { errorCategories } = filter;
  return errorCategories.length === 0 || (task.error !== undefined && errorCategories.includes(task.error.category));
}

const NO_SPEC = toTaskMessage({
  task: { id: "", agent: "", engine: "", spec: "", class: "low", state: "QUEUED", max: 1, created: 0, size: 0 },
  prompts: undefined,
  result: undefined,
}).spec!;

const agents = fc.constantFrom("alice", "bob");
const engines = fc.constantFrom("claude-code", "opencode");
const times = fc.integer({ min: 1_760_000_000_000, max: 1_760_000_000_003 });
const labels = fc.dictionary(fc.constantFrom("repo", "a b"), fc.constantFrom("x/y=z", "日本"), {
  noNullPrototype: true,
});
const failures = fc.constantFrom("RATE_LIMIT", "NETWORK_ERROR", "EXECUTOR_LOST");
const sometimes = <T>(value: fc.Arbitrary<T>, otherwise: T) =>
  fc.oneof({ arbitrary: fc.constant(otherwise), weight: 3 }, { arbitrary: value, weight: 1 });
const some = <T>(value: fc.Arbitrary<T>) => sometimes(fc.uniqueArray(value, { minLength: 1, maxLength: 3 }), []);

const TASKS = fc.record({
  task: fc
    .record({
      agent: agents,
      engine: engines,
      class: fc.constantFrom(...CLASSES),
      state: fc.constantFrom(...STATES),
      created: times,
      category: fc.option(failures),
    })
    .map(({ category, ...task }): Task => {
      const error = category && ({ category, message: "", retryable: true, source: "CCSP" } as const);
      return { id: "0-x", max: 3, size: 0, spec: "", ...task, ...(error && { error }) };
    }),
  labels,
});

const FILTERS: fc.Arbitrary<TaskFilter> = fc.record({
  agentId: sometimes(agents, ""),
  states: some(fc.constantFrom(...STATES).map((state) => TaskState[state])),
  engine: sometimes(engines, ""),
  priorities: some(fc.constantFrom(...CLASSES).map(priorityOf)),
  labels: sometimes(labels, {}),
  createdAfter: sometimes(
    times.map((ms) => new Date(ms)),
    undefined,
  ),
  createdBefore: sometimes(
    times.map((ms) => new Date(ms)),
    undefined,
  ),
  errorCategories: some(fc.constantFrom(ErrorCategory.RATE_LIMIT, ErrorCategory.EXECUTOR_LOST)),
});
