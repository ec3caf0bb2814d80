import assert from "node:assert/strict";
import * as fc from "fast-check";
import { ageOfId } from "../task/shard.js";
import type { Task } from "../task/task.js";
import { ANY_TASK } from "./filter.js";
import { listTasks, MOST_SCANNED, newestOfAll } from "./scan.js";

const AGENTS = ["alice", "bob", "carol"] as const;

/**
 * A store of tasks whose ids show their age. The tasks of each agent are in their own shard. Those of these ages run.
 * Counts the reads.
 */
function storeOf(owners: readonly number[], running: readonly number[] = []) {
  const tasks = owners.map((owner, age): Task => {
    const id = `${owner}-${String(age).padStart(26, "0")}`;
    const agent = AGENTS[owner] ?? "";
    return {
      id,
      agent,
      engine: "",
      class: "low",
      state: running.includes(age) ? "RUNNING" : age % 2 ? "QUEUED" : "FAILED",
      max: 1,
      created: 0,
      size: 0,
      spec: "",
    };
  });
  const reads = { records: 0, most: 0, pages: 0 };
  const newestOf = (agent: string, before: string | undefined, count: number): Task[] => {
    reads.pages += 1;
    return tasks
      .filter((task) => task.agent === agent && (before === undefined || ageOfId(task.id) < ageOfId(before)))
      .toReversed()
      .slice(0, count);
  };
  return {
    reads,
    newest: tasks.map(({ id }) => id).toReversed(),
    async owners() {
      return AGENTS.filter((agent) => tasks.some((task) => task.agent === agent));
    },
    async newestOf(agent: string, before: string | undefined, count: number) {
      const found = newestOf(agent, before, count);
      reads.records += found.length;
      reads.most = Math.max(reads.most, found.length);
      return { tasks: found, next: found.length === count ? found.at(-1)?.id : undefined };
    },
    async listIds(agent: string, before: string | undefined, count: number) {
      return newestOf(agent, before, count).map(({ id }) => id);
    },
    earliestNow: async () => 0,
    beginScan: async () => "0",
    async candidates(_where: unknown, _count: number, cursor: string) {
      const [at = 0, ...rest] = running.slice(Number(cursor));
      const found = tasks[at] === undefined ? [] : [{ id: tasks[at].id }];
      // A task may be found twice.
      return { asOf: 0, found: [...found, ...found], ...(rest.length > 0 && { next: String(Number(cursor) + 1) }) };
    },
    async findAll(ids: readonly string[]) {
      reads.records += ids.length;
      reads.most = Math.max(reads.most, ids.length);
      return ids.flatMap((id) => tasks.find((task) => task.id === id) ?? []);
    },
  };
}

describe("tasks of all agents", () => {
  it("are listed newest first, each once, in any shard and with any page size", async () => {
    const owners = fc.array(fc.nat({ max: AGENTS.length - 1 }), { maxLength: 120 });
    await fc.assert(
      fc.asyncProperty(owners, fc.integer({ min: 1, max: 40 }), async (all, first) => {
        const store = storeOf(all);
        const seen = [];
        for await (const { id } of newestOfAll(store, { first })) seen.push(id);
        assert.deepEqual(seen, store.newest);
      }),
      { numRuns: 200 },
    );
  });

  it("come in full pages as long as there are enough, and no more is read than a page needs", async () => {
    const store = storeOf(Array.from({ length: 1_000 }, (_, i) => i % 3));
    const page = await listTasks(store, { filter: ANY_TASK, pageSize: 50, pageToken: "" });
    assert.deepEqual(
      page.tasks.map(({ id }) => id),
      store.newest.slice(0, 50),
    );
    assert.equal(store.reads.records, 51);
    // Each agent has a third of the page. The one with the oldest task of the page is not read on.
    assert.equal(store.reads.pages, 2 * AGENTS.length - 1);
  });

  it("of one agent take one read for a page, and come each once over all pages", async () => {
    const store = storeOf(Array.from({ length: 95 }, (_, i) => (i % 10 === 0 ? 1 : 0)));
    const filter = { ...ANY_TASK, agent: "alice" };
    const seen: string[] = [];
    let pageToken = "";
    do {
      store.reads.pages = 0;
      const page = await listTasks(store, { filter, pageSize: 20, pageToken });
      assert.equal(store.reads.pages, 1);
      seen.push(...page.tasks.map(({ id }) => id));
      ({ nextPageToken: pageToken } = page);
    } while (pageToken !== "");
    assert.deepEqual(
      seen,
      store.newest.filter((id) => id.startsWith("0-")),
    );
  });

  it("are scanned up to a limit, and the next page continues after it", async () => {
    const store = storeOf(Array.from({ length: MOST_SCANNED + 10 }, () => 0));
    const filter = { ...ANY_TASK, states: ["SUCCEEDED"] as const };
    const page = await listTasks(store, { filter, pageSize: 50, pageToken: "" });
    assert.deepEqual(page.tasks, []);
    assert.ok(store.reads.records <= MOST_SCANNED + store.reads.most && store.reads.most <= 500);
    store.reads.records = 0;
    const rest = await listTasks(store, { filter, pageSize: 50, pageToken: page.nextPageToken });
    assert.equal(rest.nextPageToken, "");
    assert.equal(store.reads.records, 10);
  });

  it("that run are found at once, however many newer tasks there are, and by pages", async () => {
    const running = [3, 70, 1];
    const store = storeOf(
      Array.from({ length: MOST_SCANNED + 100 }, () => 0),
      running,
    );
    const filter = { ...ANY_TASK, states: ["RUNNING", "CANCELLING"] as const };
    const ages: number[] = [];
    let pageToken = "";
    do {
      const page = await listTasks(store, { filter, pageSize: 2, pageToken });
      ages.push(...page.tasks.map(({ id }) => Number(ageOfId(id))));
      ({ nextPageToken: pageToken } = page);
    } while (pageToken !== "");
    assert.deepEqual(ages, [70, 3, 1]);
    assert.ok(store.reads.records <= 5);
  });
});
