import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { executor, newTask, type World, type WorldOptions } from "./world.js";

const KINDS: readonly (WorldOptions & { readonly kind: string })[] = [
  { kind: "a single Redis" },
  { kind: "a Cluster", cluster: true },
  { kind: "a Redis whose client sends every script twice", twice: true },
];

export function inEveryRedis(what: string, promises: (options: WorldOptions) => void): void {
  for (const { kind, ...options } of KINDS) describe(`${what}, in ${kind}`, () => promises(options));
}

export const reason =
  (expected: string) =>
  (error: unknown): boolean =>
    error instanceof Refusal && error.reason === expected;

/** Retention bounds for `reap` that keep everything. */
export const keep = { retentionMs: 86_400_000, maxEnded: 1_000, maxEndedBytes: 1e12 };

/** Functions that make the steps of one task's life. */
export function tasksOf(world: () => World) {
  return {
    add: async (task: Parameters<typeof newTask>[0] = {}): Promise<string> =>
      (await world().queue.enqueue(newTask(task))).task.id,
    state: async (id: string) => (await world().store.find(id))?.state,
    start: (id: string, fence: number) =>
      world().queue.report({ id, fence, number: 1, started: { traceparent: "run" }, entries: [] }),
    async leaseOne(ex = executor(world())) {
      const [grant] = (await ex.sync()).grants;
      assert.ok(grant, "there is a lease");
      return { id: grant.task.id, fence: grant.fence, ex, grant };
    },
  };
}
