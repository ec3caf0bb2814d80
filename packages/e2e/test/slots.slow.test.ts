import assert from "node:assert/strict";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { collect } from "@ccsp/e2e-kit/collect.js";
import { executorClient, monitorClient } from "@ccsp/e2e-kit/internal-clients.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { eventually } from "@ccsp/testkit";

/** Tasks wait while each of these runs one after the other. */
const CALLERS = 10;
/** A word is said every two seconds. Beside that, the start and the end of a run are short, also on a busy machine. */
const WORDS = "one two three four five six seven eight";
/**
 * The executor looks every 5 s. After a step down, it waits until no more runs than that are left (16 s at most here),
 * and then a minute. So it would make the next step before these are over.
 */
const LOOKS_OF_REST = 22;
/** The operator's setting is that above 80 % there are fewer slots. */
const BUSY = 0.8;
/** A step up leaves a tenth of the way to that: six of these runs, and two of those. */
const LIGHT = { cpuOfRun: 0.11, fits: 6 };
const HEAVY = { cpuOfRun: 0.32, fits: 2 };

interface Decision {
  readonly before: number;
  readonly after: number;
  readonly reason: string;
  readonly time: string;
}

interface Look {
  readonly time: number;
  readonly running: number;
  readonly share: number;
}

describe("an executor that adapts its slots, in a fleet with a host whose CPU the test plays", function () {
  this.timeout(1_500_000);
  let folder: string;
  let world: World;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "ccsp-played-host-"));
    await playRuns(LIGHT.cpuOfRun);
    const host = new URL("../src/played-host.mjs", import.meta.url);
    host.searchParams.set("folder", folder);
    world = await startWorld({
      engine: "scripted",
      slots: 2,
      nodeOptions: `--import ${host.href}`,
      env: {
        CCSP_EXECUTOR_SLOT_RANGE: "1-12",
        // What else the machine does makes first texts late.
        CCSP_EXECUTOR_ADAPT_RESPONSE: "10m",
      },
    });
  });
  after(async () => {
    await world?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const playRuns = async (cpuOfRun: number) => {
    await writeFile(join(folder, "next"), String(cpuOfRun));
    // The executor never reads half of it.
    await rename(join(folder, "next"), join(folder, "cpu-of-run"));
  };
  const looks = async (): Promise<readonly Look[]> =>
    (await readFile(join(folder, "looks"), "utf8")).trim().split("\n").map(lookOf);
  const decisions = (): readonly Decision[] =>
    world.lines.filter((line) => line.includes('"msg":"slots adapted"')).map(decisionOf);
  const about = () =>
    `2 ${decisions()
      .map(({ after }) => after)
      .join(" ")}`;

  /** Waits until the slots have changed since `sinceMs`, and then not for longer than the executor needs for a change. */
  const rest = (sinceMs: number) =>
    eventually(
      async () => {
        const last = Date.parse(decisions().at(-1)?.time ?? "1970");
        assert.ok(last > sinceMs, `no decision: ${about()}`);
        const quiet = (await looks()).filter(({ time }) => time > last).slice(1);
        assert.ok(quiet.length >= LOOKS_OF_REST, `${quiet.length} looks after ${about()}`);
        return { slots: decisions().at(-1)?.after ?? 0, quiet: quiet.slice(-LOOKS_OF_REST / 2) };
      },
      { timeoutMs: 600_000, what: "rest" },
    );

  it("has more slots under load and fewer when the runs need more, comes to rest each time, and each task runs once", async () => {
    const load = startLoad(world);

    const light = await Promise.race([rest(0), load.failed]);
    assert.ok(Math.abs(light.slots - LIGHT.fits) <= 1, about());
    assert.ok(mean(light.quiet) <= BUSY, `${mean(light.quiet)} of the CPU`);
    assert.ok(
      decisions().every(({ before, after }) => after > before),
      about(),
    );

    const heavyMs = Date.now();
    await playRuns(HEAVY.cpuOfRun);
    const heavy = await Promise.race([rest(heavyMs), load.failed]);
    assert.equal(heavy.slots, HEAVY.fits, about());
    assert.ok(mean(heavy.quiet) <= BUSY, `${mean(heavy.quiet)} of the CPU`);
    assert.ok(
      heavy.quiet.every(({ running }) => running <= HEAVY.fits),
      JSON.stringify(heavy.quiet),
    );

    // The load goes. There is nothing to decide.
    const made = decisions().length;
    await load.stop();
    const stopped = (await looks()).length;
    await eventually(async () => assert.ok((await looks()).length >= stopped + 3), { timeoutMs: 60_000 });
    assert.equal(decisions().length, made, about());
    assert.equal(swings(decisions()), 1, about());

    const executor = executorClient(world);
    const { executorId, engines } = await executor.getExecutorStatus({}).finally(() => executor.close());
    assert.equal(engines.find(({ engine }) => engine === "claude-code")?.slots, HEAVY.fits);
    const monitor = monitorClient(world);
    const { adapted } = await monitor.getAdaptation({}).finally(() => monitor.close());
    const told = adapted.find(({ subject }) => subject === `executor/${executorId}/claude-code`)?.decisions[0];
    const last = decisions().at(-1);
    assert.deepEqual(
      [told?.what, told?.before, told?.after, told?.reason],
      ["concurrency", last?.before, last?.after, last?.reason],
    );
    assert.equal(await load.runsOfEach(), 1);
  });
});

/** Callers that run one task after the other. `stop` waits for the last ones, and rejects with any failure. */
function startLoad(world: World) {
  const client = world.client("alice");
  const stopping = new AbortController();
  const files = new Map<string, string>();
  let count = 0;
  const caller = async () => {
    while (!stopping.signal.aborted) {
      const file = join(world.dataDir, `runs-${count++}`);
      const { taskId, ended } = await collect(
        client.run({ prompt: `[[first:9:${file}]][[delay:2000]][[text:${WORDS}]]`, maxAttempts: 1 }),
      );
      assert.equal(ended.state, "SUCCEEDED");
      assert.equal(ended.result?.text, WORDS);
      assert.ok(!files.has(taskId), taskId);
      files.set(taskId, file);
    }
  };
  const callers = Promise.all(Array.from({ length: CALLERS }, caller));
  const failed = callers.then((): never => assert.fail("the load ended"));
  failed.catch(() => {}); // the test reports it
  return {
    failed,
    async stop() {
      stopping.abort();
      await callers;
    },
    /** How often each task was run. Fails if they differ. */
    async runsOfEach(): Promise<number> {
      assert.equal(files.size, count);
      const runs = new Set(await Promise.all([...files.values()].map(async (file) => (await readFile(file)).length)));
      assert.equal(runs.size, 1, [...runs].join(" "));
      return [...runs][0] ?? 0;
    },
  };
}

/** How often the slots began to fall after they had grown, or the other way round. */
const swings = (made: readonly Decision[]): number =>
  made.map(({ before, after }) => after > before).filter((up, i, all) => i > 0 && up !== all[i - 1]).length;

const mean = (looks: readonly Look[]): number => looks.reduce((sum, { share }) => sum + share, 0) / looks.length;

// Only the executor and the played host write these lines.
const lookOf = (line: string): Look => JSON.parse(line);
const decisionOf = (line: string): Decision => JSON.parse(line);
