import assert from "node:assert/strict";
import { pino } from "pino";
import { ENDINGS } from "./classify.js";
import type { EngineEvent, RunOutcome, RunRequest } from "./engine.js";
import { NO_OPTIONS } from "./engine-options.js";
import { runFailure } from "./failure.js";
import { followRun } from "./follow-run.js";
import type { EngineContext } from "./plugin.js";
import type { BrokeredUse, RunExit } from "./run-handle.js";
import type { SupervisedRun } from "./supervisor.js";
import { emptyTranscript, type RunReader } from "./transcript.js";
import type { Usage } from "./usage.js";
import { wrapRun } from "./wrap-run.js";

const request: RunRequest = {
  ...NO_OPTIONS,
  taskId: "t",
  fence: 1n,
  prompt: "the canary sings",
  systemPrompt: "softly",
  files: [],
  workingFolder: undefined,
  permissionMode: "default",
  limits: { wallMs: 1_000, outputBytes: 20, turns: undefined, budgetUsd: undefined },
  traceparent: "",
};

/**
 * Lines with `say …` are text. `done …` and `error …` are the end, and `again` takes the end back. Other lines are not
 * understood.
 */
function createReader(): RunReader<never> {
  const transcript = emptyTranscript<never>();
  return {
    transcript,
    read(piece) {
      const [, word, text = ""] = /^(\w+) ?(.*)$/s.exec(piece.toString()) ?? [];
      if (word === "say") return [{ type: "text", text }];
      if (word === "use") return [{ type: "tool", name: text }];
      if (word === "again") {
        transcript.ending = undefined;
        return [];
      }
      if (word !== "done" && word !== "error") return undefined;
      transcript.ending = { ok: word === "done", text, turns: 1 };
      return [];
    },
  };
}

/** A run that writes `output` and then exits, with a record of what happened to it. */
type SetUpReader = () => RunReader<never>;
function setUp(
  output: readonly string[],
  exit: Partial<RunExit> = {},
  reader: SetUpReader = createReader,
  rules = ENDINGS,
) {
  const seen = {
    stopped: 0,
    inputEnded: [] as (number | undefined)[],
    progress: 0,
    unknownLines: 0,
    unknownFailures: 0,
    logged: "",
  };
  const run: SupervisedRun = {
    pid: 7,
    output: (async function* () {
      for (const chunk of output) yield Buffer.from(chunk);
    })(),
    exited: Promise.resolve({ code: 0, signal: null, stderr: "", overrun: undefined, runMs: 5, ...exit }),
    resources: { cpuMs: 1, peakMemoryBytes: 2 },
    processes: 1,
    broker: exit.brokered && { use: exit.brokered, hold: () => {} },
    progress: () => void seen.progress++,
    stop: async () => void seen.stopped++,
    kill: async () => void seen.stopped++,
    endInput: (ms) => void seen.inputEnded.push(ms),
  };
  const context: EngineContext = {
    supervisor: { start: () => Promise.resolve(run) },
    log: pino({ level: "debug" }, { write: (line: string) => void (seen.logged += line) }),
    onUnknownLine: () => void seen.unknownLines++,
    onUnknownFailure: () => void seen.unknownFailures++,
  };
  return { seen, followed: followRun(run, { request, reader: reader(), rules, context }) };
}

async function textOf(events: AsyncIterable<EngineEvent>): Promise<string> {
  let text = "";
  for await (const event of events) text += event.type === "text" ? event.text : "";
  return text;
}

describe("following a run", () => {
  it("joins lines wherever they are cut, and accepts a last line without a line end", async () => {
    const { seen, followed } = setUp(["sa", "y one\nsay t", "wo\ndone one", "two"]);
    assert.equal(await textOf(followed.events), "onetwo");
    const outcome = await followed.outcome;
    assert.deepEqual(outcome.ok && [outcome.result.text, outcome.result.turns], ["onetwo", 1]);
    assert.deepEqual([seen.inputEnded, seen.stopped, seen.progress], [[5_000], 0, 2]);
  });

  it("counts the tools of each usage event, and ends with the numbers of the outcome, told once", async () => {
    const usageOf = (tokens: number) => ({
      inputTokens: tokens,
      outputTokens: tokens,
      cacheReadTokens: 0,
      cacheCreationTokens: 0,
    });
    const counting = (total: number | undefined): SetUpReader => {
      return () => {
        const { transcript, read } = createReader();
        return {
          transcript,
          read(piece) {
            const [, word, tokens] = /^(turn) (\d+)$/.exec(piece.toString()) ?? [];
            if (word === undefined) return read(piece);
            // The cost comes with the result.
            if (total !== undefined) Object.assign(transcript, { usage: usageOf(total), costUsd: 0.5, model: "m" });
            return [{ type: "usage", turns: 1, usage: usageOf(Number(tokens)), costUsd: undefined, model: "m" }];
          },
        };
      };
    };
    const told = async (total: number | undefined) => {
      const { followed } = setUp(["use a\nturn 3\nuse b\ndone x\n"], {}, counting(total));
      const events: EngineEvent[] = [];
      for await (const event of followed.events) if (event.type === "usage") events.push(event);
      return events;
    };
    const first = { type: "usage", turns: 1, usage: usageOf(3), costUsd: undefined, model: "m", toolUses: 1 };
    const last = { type: "usage", turns: 1, usage: usageOf(9), costUsd: 0.5, model: "m", toolUses: 2 };
    assert.deepEqual(await told(9), [first, last]);
    assert.deepEqual(await told(undefined), [first], "an outcome without usage adds nothing");
  });

  it("has the broker's count where the engine told no end, and says by how many tokens a result differs from it", async () => {
    const told = { inputTokens: 5, outputTokens: 4, cacheReadTokens: 3, cacheCreationTokens: 2 };
    const usage = { ...told, inputTokens: 9, cacheReadTokens: 1 };
    const brokered = { usage, costUsd: 0.5, model: "m", overBudget: undefined, retryAtMs: undefined };
    const telling: SetUpReader = () => {
      const { transcript, read } = createReader();
      return { transcript: Object.assign(transcript, { usage: told }), read };
    };
    const ended = async (output: string, exit: Partial<RunExit>) => {
      const { followed } = setUp([output], exit, telling);
      await textOf(followed.events);
      return await followed.outcome;
    };
    for (const exit of [{}, { overrun: "wall" }, { signal: "SIGKILL" }] as const) {
      assert.partialDeepStrictEqual(await ended("say x\n", { ...exit, brokered }), { usage, costUsd: 0.5, model: "m" });
    }
    const less = await ended("say x\n", { brokered: { ...brokered, usage: { ...usage, inputTokens: 1 } } });
    assert.partialDeepStrictEqual(less, { usage: told, costUsd: undefined });
    // The tree may pass another limit after the refusal.
    const refused = await ended("error x\n", {
      overrun: "memory",
      brokered: { ...brokered, overBudget: "budget team is used up" },
    });
    assert.partialDeepStrictEqual(refused, { usage, costUsd: 0.5, failure: { category: "BUDGET_EXCEEDED" } });
    const counted = async (use: BrokeredUse | undefined) => {
      const outcome = await ended("done x\n", { brokered: use });
      assert.deepEqual(outcome.ok && outcome.result.usage, told);
      return outcome.facts?.miscountedTokens;
    };
    assert.equal(await counted(brokered), 6);
    for (const use of [undefined, { ...brokered, usage: told }, { ...brokered, usage: undefined }])
      assert.equal(await counted(use), undefined);
  });

  it("has what the broker has counted in its usage events, when that is more, and always its cost", async () => {
    const told = { inputTokens: 5, outputTokens: 4, cacheReadTokens: 3, cacheCreationTokens: 2 };
    const soFar = async (usage: Usage | undefined, more: Partial<Usage> | undefined) => {
      const telling: SetUpReader = () => ({
        ...createReader(),
        read: () => [{ type: "usage", turns: 1, usage, costUsd: undefined, model: "m" }],
      });
      const counted = more && { ...told, ...more };
      const brokered = { model: "", overBudget: undefined, retryAtMs: undefined, usage: counted, costUsd: 0.5 };
      const { followed } = setUp(["x\n"], { brokered }, telling);
      for await (const event of followed.events) if (event.type === "usage") return [event.usage, event.costUsd];
      return assert.fail("no usage");
    };
    assert.deepEqual(await soFar(told, { inputTokens: 9 }), [{ ...told, inputTokens: 9 }, 0.5]);
    assert.deepEqual(await soFar(told, { inputTokens: 1 }), [told, 0.5], "the newest message is not counted yet");
    assert.deepEqual(await soFar(undefined, {}), [told, 0.5]);
    assert.deepEqual(await soFar(told, undefined), [told, 0.5]);
  });

  it("waits as long as the provider told the broker, where the engine does not say", async () => {
    const none = { usage: undefined, costUsd: undefined, model: "", overBudget: undefined };
    const brokered = { ...none, retryAtMs: Date.now() + 60_000 };
    const limited: SetUpReader = () => {
      const { transcript, read } = createReader();
      return { transcript: Object.assign(transcript, { status: 429 }), read };
    };
    const waitOf = async (category: "RATE_LIMIT" | "USAGE_WINDOW") => {
      const rules: typeof ENDINGS = [{ when: { status: [429] }, category, message: "limited" }];
      const { followed } = setUp(["error x\n"], { brokered }, limited, rules);
      await textOf(followed.events);
      const outcome = await followed.outcome;
      return outcome.ok ? assert.fail() : outcome.failure.retryAfterMs;
    };
    const retryAfterMs = (await waitOf("RATE_LIMIT")) ?? 0;
    assert.ok(retryAfterMs > 0 && retryAfterMs <= 60_000, `${retryAfterMs}`);
    assert.equal(await waitOf("USAGE_WINDOW"), 300_000);
  });

  it("waits for an engine that withdraws its last result, and gives it the same time after the next result", async () => {
    const { seen, followed } = setUp(["done one\nnoise\n", "again\nsay two\n", "done two\n"]);
    await textOf(followed.events);
    const outcome = await followed.outcome;
    assert.equal(outcome.ok && outcome.result.text, "two");
    assert.deepEqual(seen.inputEnded, [5_000, undefined, 5_000]);
  });

  it("can be wrapped with another outcome, and still reports its processes and ends them", async () => {
    const { seen, followed } = setUp(["done one\n"]);
    const failure = runFailure("UNKNOWN_ERROR", "of the wrapper");
    const failed: RunOutcome = { ok: false, failure, usage: undefined, costUsd: undefined };
    const wrapped = wrapRun(followed, { outcome: Promise.resolve(failed) });
    await textOf(wrapped.events);
    await Promise.all([wrapped.stop(), wrapped.kill()]);
    assert.deepEqual([wrapped.pid, wrapped.processes, wrapped.resources.cpuMs, seen.stopped], [7, 1, 1, 2]);
    assert.equal(await wrapped.outcome, failed);
  });

  it("counts lines that are not understood, and their bytes, but not empty ones", async () => {
    const { seen, followed } = setUp(["what\n", "\n", "ever\n", "done x\n"]);
    await textOf(followed.events);
    assert.equal((await followed.outcome).ok, true);
    assert.equal(seen.unknownLines, 2);
  });

  it("ends a run that prints more than it may, be it text or noise", async () => {
    for (const noise of ["say ", "noise ", "use "]) {
      const { seen, followed } = setUp([`${noise}${"x".repeat(21)}\n`, "done x\n"]);
      await textOf(followed.events);
      const outcome = await followed.outcome;
      assert.equal(!outcome.ok && outcome.failure.category, "OUTPUT_LIMIT", noise);
      assert.equal(seen.stopped, 1);
    }
  });

  it("ends a run whose reader leaves, and reports that it was not followed to its end", async () => {
    const { seen, followed } = setUp(["say one\n", "say two\n"]);
    for await (const _event of followed.events) break;
    const outcome = await followed.outcome;
    assert.deepEqual(!outcome.ok && [outcome.failure.category, outcome.failure.source], ["UNKNOWN_ERROR", "CCSP"]);
    assert.equal(seen.stopped, 1);
  });

  it("counts a failure that no rule knows, and records only text that is neither prompt nor secret", async () => {
    const { seen, followed } = setUp(["error 418 teapot: the canary sings of key-123 in /etc/x"], {
      code: 1,
      stderr: "token=abc123 failed softly",
    });
    await textOf(followed.events);
    const outcome = await followed.outcome;
    assert.equal(!outcome.ok && outcome.failure.category, "UNKNOWN_ERROR");
    assert.equal(seen.unknownFailures, 1);
    assert.match(seen.logged, /418 teapot/);
    assert.match(seen.logged, /failed/);
    assert.doesNotMatch(seen.logged, /canary|sings|softly|key-123|etc|abc123/);
  });

  it("shows the exit in the message of a crash, and no output of the engine", async () => {
    const { seen, followed } = setUp(["say the canary"], { code: 3, stderr: "canary" });
    await textOf(followed.events);
    const outcome = await followed.outcome;
    assert.equal(!outcome.ok && outcome.failure.message, "the engine ended without a result (exit code 3)");
    assert.equal(seen.unknownFailures, 0);
    assert.doesNotMatch(seen.logged, /canary/);
  });

  it("takes no exit for a result when a limit or the owner ended the run", async () => {
    const quiet: SetUpReader = () => {
      const reader = createReader();
      return {
        ...reader,
        end({ code }) {
          reader.transcript.ending = { ok: code === 0, text: "all is well", turns: 1 };
          return [];
        },
      };
    };
    const well = setUp(["say one\n"], {}, quiet);
    await textOf(well.followed.events);
    assert.equal((await well.followed.outcome).ok, true);
    const limited = setUp(["say one\n"], { overrun: "wall" }, quiet);
    await textOf(limited.followed.events);
    const outcome = await limited.followed.outcome;
    assert.equal(!outcome.ok && outcome.failure.category, "TIMEOUT");
    for (const end of ["stop", "kill"] as const) {
      const { followed } = setUp(["say one\n"], {}, quiet);
      const reading = textOf(followed.events);
      await followed[end]();
      await reading;
      assert.equal((await followed.outcome).ok, false, end);
    }
  });

  it("names the limit that ended it, unless the result had come", async () => {
    const cut = setUp(["say one\n"], { code: null, signal: "SIGTERM", overrun: "stall" });
    await textOf(cut.followed.events);
    const outcome = await cut.followed.outcome;
    assert.equal(!outcome.ok && outcome.failure.category, "ENGINE_HANG");
    const late = setUp(["done one\n"], { code: null, signal: "SIGTERM", overrun: "stall" });
    await textOf(late.followed.events);
    assert.equal((await late.followed.outcome).ok, true);
  });
});
