// `make bench-traces`: counts the spans that a fleet sends: for a short task, for a run with 5,000 pieces of text, for
// each task of a batch, and in a minute in which nothing happens but one open page.

import { setTimeout as delay } from "node:timers/promises";
import { startWorld } from "@ccsp/e2e-kit/world.js";
import { ROLES } from "@ccsp/identity";
import { eventually, unlessBrief } from "@ccsp/testkit";

const TASKS = unlessBrief(50, 2);
const PIECES = unlessBrief(5_000, 20);
const IDLE_MS = unlessBrief(60_000, 500);
/** Longer than the export of spans is delayed. */
const SETTLE_MS = 2_000;
/** What an open page of the dashboard asks for, each 5 s. */
const PAGE = ["queue/status", "executors", "tasks", "usage"];

const world = await startWorld({ engine: "scripted" });
try {
  const client = world.client("bench");
  const sent = () => world.traces.spans().length;
  const ended = (id: string) =>
    eventually(
      async () => {
        if ((await client.get(id)).state !== "SUCCEEDED") throw new Error(`${id} has not ended`);
      },
      { timeoutMs: 120_000 },
    );
  /** The spans that this work made, those of usage and notices too. */
  const spansOf = async (work: () => Promise<unknown>): Promise<number> => {
    await delay(SETTLE_MS);
    const before = sent();
    await work();
    await delay(SETTLE_MS);
    return sent() - before;
  };
  const one = async (prompt: string) => ended((await client.submit({ prompt })).id);

  const short = await spansOf(async () => {
    for (let i = 0; i < TASKS; i++) await one(`hello ${i}`);
  });
  console.log(`ratio spans_per_task ${(short / TASKS).toFixed(1)}`);
  const words = Array.from({ length: PIECES }, (_, i) => `w${i}`).join(" ");
  console.log(`ratio spans_of_a_run_with_5000_pieces ${await spansOf(() => one(`[[delay:6]] ${words}`))}`);
  const batch = await spansOf(async () => {
    const tasks = Array.from({ length: TASKS }, (_, i) => ({ prompt: `hello ${i}` }));
    for (const outcome of await client.submitMany(tasks)) if ("taskId" in outcome) await ended(outcome.taskId);
  });
  console.log(`ratio spans_per_task_of_a_batch ${(batch / TASKS).toFixed(1)}`);
  const token = await world.token("bench", { scopes: ROLES.admin });
  const idle = await spansOf(async () => {
    for (let waitedMs = 0; waitedMs < IDLE_MS; waitedMs += 5_000) {
      const headers = { authorization: `Bearer ${token}` };
      const url = world.fleet.httpAddress;
      await Promise.all(
        PAGE.map(async (path) => {
          const answer = await fetch(`${url}/api/v2/${path}`, { headers });
          if (!answer.ok) throw new Error(`GET ${path}: ${answer.status} ${await answer.text()}`);
          await answer.arrayBuffer();
        }),
      );
      await delay(Math.min(5_000, IDLE_MS));
    }
  });
  console.log(`ratio spans_of_an_idle_minute_with_a_page ${idle}`);
} finally {
  await world.close();
}
