import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import type { Grant } from "../src/domain/leases/lease-store.js";
import { CLASSES } from "../src/domain/task/task.js";
import { ModelTurns } from "./model/turns.js";
import { executor, newTask, startWorld, type World } from "./world.js";

const PAGE = new URL("../../../docs/queue.md", import.meta.url);
const RUN_MS = 10_000;
const TOKENS = 1_000;

/** Reads the rows of the example's two tables: what is submitted and when, and what starts and when. */
async function readExample() {
  const [, text = ""] = /\n## An example: five tasks\n(.*?)\n## /s.exec(await readFile(PAGE, "utf8")) ?? [];
  const rows = text.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
  const submits = rows.flatMap(([, id = "", agent = "", priority = "", at = ""]) =>
    CLASSES.filter((each) => each === priority).map((each) => ({ id, agent, class: each, at: milliseconds(at) })),
  );
  const starts = rows.flatMap(([, at = "", id = ""]) => (/^\d+ s$/.test(at) ? [{ id, at: milliseconds(at) }] : []));
  return { submits, starts };
}

const milliseconds = (cell: string) => Number.parseInt(cell, 10) * 1_000;

describe("the example of five tasks in docs/queue.md", () => {
  let world: World;
  before(async () => void (world = await startWorld({ order: { urgentMax: 1 } })));
  after(() => world.close());

  it("starts its tasks in the order that the page shows", async () => {
    const { submits, starts } = await readExample();
    assert.deepEqual([submits.length, starts.length], [5, 5], "the tables were not found");
    const begin = world.clock.now;
    const rule = new ModelTurns(world.order);
    const names = new Map<string, string>();
    const seen: typeof starts = [];
    let held: Grant | undefined;
    for (let at = 0; at <= 5 * RUN_MS; at += 1_000) {
      world.clock.now = begin + at;
      for (const { id, ...each } of submits.filter((submit) => submit.at === at)) {
        const { task } = await world.queue.enqueue(newTask({ agent: each.agent, class: each.class }));
        names.set(task.id, id);
        rule.add({ ...each, id: task.id, since: world.clock.now });
      }
      if (at % RUN_MS === 0) {
        if (held) await end(held);
        [held] = (await executor(world, { id: `executor-${at}` }).sync()).grants;
        if (held) {
          rule.lease(held.task.id, world.clock.now);
          seen.push({ id: names.get(held.task.id) ?? "", at });
        }
      }
    }
    assert.deepEqual(seen, starts);

    async function end({ task: { id }, fence }: Grant): Promise<void> {
      await world.queue.report({ id, fence, number: 1, started: { traceparent: "" }, entries: [] });
      await world.queue.complete(id, fence, Buffer.from(""), { tokens: TOKENS });
      rule.end(id, TOKENS, true);
    }
  });
});
