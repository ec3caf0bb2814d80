import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CcspClient, TaskInput } from "@ccsp/client";
import { queueClient } from "@ccsp/e2e-kit/internal-clients.js";
import type { World } from "@ccsp/e2e-kit/world.js";
import { Priority } from "@ccsp/protos/ccsp/task/v1/task.js";
import { eventually } from "@ccsp/testkit";

/** What tells a story: a world with the scripted engine. */
export interface Teller {
  readonly world: World;
  readonly client: CcspClient;
  /** How many pieces of text the long run has. It waits 5 ms before each. */
  readonly longRunWords: number;
}

/** A task that has ended, and the form of its whole trace, as `drawn` draws it. */
export interface Story {
  readonly id: string;
  readonly traceId: string;
  readonly form: string;
}

type Lines = readonly string[];

const below = (lines: Lines): Lines => lines.map((line) => `  ${line}`);
const task = (...parts: readonly Lines[]): Lines => ["task", ...below(parts.flat())];
const wait = (attempt: number, ...kinds: string[]): Lines => [["queue.wait", attempt, ...kinds].join(" ")];
const attempt = (...inside: Lines): Lines => ["task.attempt", ...below(inside)];
const DONE = attempt("engine.run claude-code");
const FAILED = ["task.attempt!", "  engine.run claude-code!"];
const submitted = (lines: Lines): Lines => [
  ...["AgentService/SubmitTask", "  ▸ QueueService/Enqueue", "    QueueService/Enqueue"],
  ...below(below(below(lines))),
];

/** The eleven stories that a trace has to tell (docs/traces.md), by what happens to the task. */
export const STORIES = {
  done: async (teller) => [await ended(teller, { prompt: "[[usage:10:20]] hello" }, submitted(task(wait(1), DONE)))],

  failed: async (teller) => {
    const [first, ...lines] = task(wait(1), FAILED);
    return [await ended(teller, { prompt: "[[fail:too-long]] hello" }, submitted([`${first}!`, ...lines]), "FAILED")];
  },

  "retried five times": async (teller) => {
    const retry = { firstBackoffMs: 400, maxBackoffMs: 400 };
    const retries = [2, 3, 4, 5, 6].flatMap((n) => [...FAILED, ...wait(n, "PARKED")]);
    const prompt = `[[first:5:${file(teller, "five")}]] [[crash]]`;
    return [await ended(teller, { prompt, maxAttempts: 6, retry }, submitted(task(wait(1), retries, DONE)))];
  },

  parked: async (teller) => {
    const retry = { firstBackoffMs: 400, maxBackoffMs: 400 };
    const prompt = `[[first:1:${file(teller, "once")}]] [[crash]]`;
    return [await ended(teller, { prompt, retry }, submitted(task(wait(1), FAILED, wait(2, "PARKED"), DONE)))];
  },

  "cancelled waiting": async (teller) => {
    const story = await begun(teller, { prompt: "hello", affinity: { executorId: "nobody" } }, submitted(task()));
    const queue = queueClient(teller.world);
    await queue.setPriority({ taskId: story.id, priority: Priority.HIGH }).finally(() => queue.close());
    await teller.client.cancel(story.id, "not wanted");
    return [story];
  },

  "cancelled running": async (teller) => {
    const run = attempt("engine.run claude-code!");
    const prompt = `[[gate:${file(teller, "never")}]]`;
    const story = await begun(teller, { prompt }, submitted(task(wait(1), run)));
    await reaches(teller, story.id, "RUNNING");
    await teller.client.cancel(story.id);
    await reaches(teller, story.id, "CANCELLED");
    return [story];
  },

  "executor killed": async (teller) => {
    const gate = file(teller, "killed");
    const form = submitted(task(wait(1), ["task.attempt!"], wait(2), DONE));
    const story = await begun(teller, { prompt: `[[gate:${gate}]]` }, form);
    await reaches(teller, story.id, "RUNNING");
    await teller.world.fleet.kill9("executor");
    await writeFile(gate, "");
    await reaches(teller, story.id, "SUCCEEDED");
    return [story];
  },

  scheduled: async (teller) => {
    const startTime = new Date(Date.now() + 5_000);
    return [await ended(teller, { prompt: "later", startTime }, submitted(task(wait(1, "START_TIME"), DONE)))];
  },

  batch: async (teller) => {
    const outcomes = await teller.client.submitMany([1, 2, 3].map((n) => ({ prompt: `hello ${n}` })));
    const ids = outcomes.map((outcome) => ("taskId" in outcome ? outcome.taskId : assert.fail("refused")));
    return Promise.all(
      ids.map(async (id) => {
        await reaches(teller, id, "SUCCEEDED");
        const { traceId } = await teller.client.get(id);
        return { id, traceId, form: task(wait(1), DONE).join("\n") };
      }),
    );
  },

  conversation: async (teller) => {
    const run = attempt("engine.run claude-code", "▸ QueueService/SaveConversation", "  QueueService/SaveConversation");
    const first = await ended(teller, { prompt: "one", conversation: {} }, submitted(task(wait(1), run)));
    // The next turn waits for the executor that has the conversation.
    const next = { prompt: "two", conversation: { id: first.id } };
    return [first, await ended(teller, next, submitted(task(wait(1, "AFFINITY"), run)))];
  },

  "a long run": async (teller) => {
    const words = Array.from({ length: teller.longRunWords }, (_, i) => `w${i}`).join(" ");
    const run = attempt("engine.run claude-code", "  execute_tool Bash");
    return [await ended(teller, { prompt: `[[tool:Bash]] [[delay:5]] ${words}` }, submitted(task(wait(1), run)))];
  },
} satisfies Readonly<Record<string, (teller: Teller) => Promise<readonly [Story, ...Story[]] | readonly Story[]>>>;

async function begun({ client }: Teller, input: TaskInput, form: Lines): Promise<Story> {
  const { id, traceId } = await client.submit({ labels: { team: "core", secret: "s" }, ...input });
  return { id, traceId, form: form.join("\n") };
}

async function ended(teller: Teller, input: TaskInput, form: Lines, state = "SUCCEEDED"): Promise<Story> {
  const story = await begun(teller, input, form);
  await reaches(teller, story.id, state);
  return story;
}

const reaches = ({ client }: Teller, id: string, state: string): Promise<void> =>
  eventually(async () => assert.equal((await client.get(id)).state, state), {
    timeoutMs: 60_000,
    what: `${id} as ${state}`,
  });

const file = ({ world }: Teller, name: string): string => join(world.dataDir, name);
