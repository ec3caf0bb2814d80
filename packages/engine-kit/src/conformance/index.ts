import assert from "node:assert/strict";
import { type Bench, collect, firstText, openBench } from "./bench.js";
import { checkLogin } from "./login.js";
import { commandLines } from "./processes.js";
import type { EngineRig } from "./rig.js";
import { slowPatterns } from "./slow-rules.js";

export { answerOf } from "./answer.js";
export { createPlainSupervisor } from "./plain-supervisor.js";
export { type Recorded, type RecordedCase, type RecordOptions, type Replayed, record, replay } from "./recordings.js";
export { plainRequest } from "./request.js";
export type { EngineRig, RigPrompts, SupervisorNeeds } from "./rig.js";
export { slowPatterns } from "./slow-rules.js";

/** Long, because some engines take seconds to start, and the machine may do other work. */
const TEST_MS = 90_000;
/** Whatever the engine does, it counts as silent after this time without output. */
const SILENCE_MS = 1_500;
const WALL_MS = 1_500;
const NEVER_MS = 600_000;
const TEXT = "Grüße, 日本語 🎉 — done";

/** Declares mocha tests of what the executor expects from every engine. */
export function describeEngine(name: string, rig: EngineRig): void {
  describe(`the engine ${name}`, function () {
    this.timeout(TEST_MS);
    const suite = new Suite(rig);
    before(async () => {
      suite.env = await rig.env();
    });
    beforeEach(() => suite.open(NEVER_MS));
    afterEach(async () => {
      try {
        await suite.bench.checkNothingLeft();
      } finally {
        await suite.bench.close();
      }
    });
    after(() => rig.close?.());

    describeAnswers(suite, rig);
    describeEnds(suite, rig);
    describeFailures(suite, rig);
  });
}

/** The engine under test, opened again for each test. */
class Suite {
  env: Readonly<Record<string, string>> = {};
  readonly #rig: EngineRig;
  #bench: Bench | undefined;

  constructor(rig: EngineRig) {
    this.#rig = rig;
  }

  get bench(): Bench {
    return this.#bench ?? assert.fail("no engine is open");
  }

  async open(silenceMs: number): Promise<void> {
    this.#bench = await openBench(this.#rig, this.env, silenceMs);
  }
}

function describeAnswers(suite: Suite, rig: EngineRig): void {
  const { prompts, plugin, rules } = rig;

  it("has one name, and prints its version or reports that it has none", async () => {
    assert.equal(suite.bench.engine.name, plugin.name);
    assert.match(await suite.bench.engine.version(), /^$|\d/);
  });

  it("has its login out of its runs where a broker holds it, if it says so", () => checkLogin(rig, suite.env));

  it("brings its answer in whole characters, in pieces and as a whole, and understands all of its output", async () => {
    const { text, outcome } = await suite.bench.run(prompts.answer(TEXT));
    assert.ok(outcome.ok, JSON.stringify(outcome));
    assert.equal(outcome.result.text.trimEnd(), TEXT);
    assert.equal(text, outcome.result.text);
    assert.ok(outcome.result.runMs > 0);
    assert.equal(suite.bench.unknownLines, 0);
  });

  for (const { prompt, text: expected } of prompts.detours ?? []) {
    it(`reaches the text of its result through an earlier one: ${JSON.stringify(prompt)}`, async () => {
      const { text, outcome } = await suite.bench.run(prompt);
      assert.ok(outcome.ok, JSON.stringify(outcome));
      assert.deepEqual([text, outcome.result.text], [expected, expected]);
    });
  }

  if (rules) {
    it("has no pattern in its rules that may take longer than in proportion to the text", () => {
      assert.deepEqual(slowPatterns(rules), []);
    });
  }

  it("reports its usage during the run and in its result, if its capabilities say so", async () => {
    const { usage } = prompts;
    assert.equal(usage !== undefined, suite.bench.engine.capabilities.usage);
    const { events, outcome } = await suite.bench.run(usage?.prompt ?? prompts.answer(TEXT));
    assert.ok(outcome.ok);
    assert.deepEqual(outcome.result.usage, usage?.usage);
    const told = events.filter((event) => event.type === "usage");
    assert.equal(told.length > 0, usage !== undefined, "no event tells the usage");
    const { turns, usage: total, costUsd, model } = outcome.result;
    if (usage) assert.deepEqual(told.at(-1), { type: "usage", turns, usage: total, costUsd, model, toolUses: 0 });
  });

  it("brings a huge answer intact", async () => {
    const { prompt, text: expected } = prompts.huge;
    const { text, outcome } = await suite.bench.run(prompt);
    assert.ok(outcome.ok, JSON.stringify(outcome));
    assert.ok(outcome.result.text.trimEnd() === expected.trimEnd(), "the result differs");
    assert.ok(text === outcome.result.text, "the pieces differ");
  });
}

function describeEnds(suite: Suite, { prompts }: EngineRig): void {
  it("reports its text while it writes it, if its capabilities say so, and can then be cancelled", async function () {
    if (!suite.bench.engine.capabilities.streaming) this.skip();
    const run = await suite.bench.start(prompts.hangAfterText);
    const events = run.events[Symbol.asyncIterator]();
    assert.notEqual(await firstText(events), "");
    await run.stop();
    while (!(await events.next()).done);
    assert.equal((await run.outcome).ok, false);
  });

  it("is cancelled before it has printed anything, however often this is requested", async () => {
    const run = await suite.bench.start(prompts.hang);
    const read = collect(run);
    await Promise.all([run.stop(), run.stop()]);
    await read;
    assert.equal((await run.outcome).ok, false);
    await run.stop();
  });

  it("ends when its reader leaves", async () => {
    const run = await suite.bench.start(prompts.huge.prompt);
    for await (const _event of run.events) break;
    assert.equal((await run.outcome).ok, false);
  });

  it("keeps the prompt off every command line", async function () {
    if (process.platform !== "linux") this.skip();
    const canary = `canary-${process.hrtime.bigint()}`;
    const run = await suite.bench.start(`${prompts.hangAfterText}\n${canary}`);
    if (suite.bench.engine.capabilities.streaming) await firstText(run.events[Symbol.asyncIterator]());
    for (const line of await commandLines()) assert.ok(!line.includes(canary), line);
    await run.stop();
  });
}

function describeFailures(suite: Suite, { prompts }: EngineRig): void {
  for (const { prompt, category } of prompts.failures) {
    it(`fails with ${category} on ${JSON.stringify(prompt)}`, async () => {
      const { outcome } = await suite.bench.run(prompt);
      assert.ok(!outcome.ok, "succeeded");
      assert.equal(outcome.failure.category, category, outcome.failure.message);
      assert.ok(!outcome.failure.message.includes(prompt), "the message has the prompt");
    });
  }

  it("fails with TIMEOUT at its time limit", async () => {
    const { outcome } = await suite.bench.run(prompts.hang, { wallMs: WALL_MS });
    assert.equal(!outcome.ok && outcome.failure.category, "TIMEOUT");
  });

  it("fails with ENGINE_HANG when it prints nothing for too long", async () => {
    await suite.bench.close();
    await suite.open(SILENCE_MS);
    const { outcome } = await suite.bench.run(prompts.hang);
    assert.equal(!outcome.ok && outcome.failure.category, "ENGINE_HANG");
  });

  it("fails with OUTPUT_LIMIT when it prints more than it may", async () => {
    const { outcome } = await suite.bench.run(prompts.huge.prompt, { outputBytes: 100_000 });
    assert.equal(!outcome.ok && outcome.failure.category, "OUTPUT_LIMIT");
  });
}
