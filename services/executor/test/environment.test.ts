import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually, SCRIPTED_ENGINE } from "@ccsp/testkit";
import { commandLineOf, expectProcesses } from "./processes.js";
import { EXECUTOR_ID, resultOf, withRig } from "./rig.js";

interface Seen {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

describe("the input of an engine", function () {
  this.timeout(60_000);

  it("includes an environment of exactly the listed variables", async () => {
    // Node sets NODE_V8_COVERAGE in every child process by itself.
    const { NODE_V8_COVERAGE: before = "" } = process.env;
    process.env["CANARY_OF_A_TEST"] = "must not get through";
    process.env["NODE_V8_COVERAGE"] = before || "/proc/no-coverage";
    try {
      await withRig(
        {
          CCSP_CLAUDE_CODE_BASE_URL: "http://127.0.0.1:9",
          CCSP_CLAUDE_CODE_MAX_RETRIES: "1",
          // A sandbox adds its proxy: see sandbox.test.ts.
          CCSP_EXECUTOR_SANDBOX: "off",
        },
        async (rig) => {
          const { env, cwd }: Seen = JSON.parse((await resultOf(rig, rig.queue.add("[[report]]"))).text);
          const { CCSP_RUN, PATH, HOME, TMPDIR, CLAUDE_CONFIG_DIR, ...rest } = env;
          assert.deepEqual(rest, {
            LANG: "C.UTF-8",
            ANTHROPIC_API_KEY: "fake-key-of-a-test",
            ANTHROPIC_BASE_URL: "http://127.0.0.1:9",
            CLAUDE_CODE_MAX_RETRIES: "1",
            CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
            DISABLE_TELEMETRY: "1",
            DISABLE_AUTOUPDATER: "1",
          });
          assert.match(CCSP_RUN ?? "", new RegExp(`^${EXECUTOR_ID}/[0-9A-Z]{26}/task-1:1$`));
          assert.match(PATH ?? "", /^\/usr\/local\/bin:\/usr\/bin:\/bin/);
          assert.equal(CLAUDE_CONFIG_DIR, `${HOME}/.claude`);
          const places = { runs: [cwd, HOME ?? ""], tmp: [TMPDIR ?? ""] };
          for (const [place, folder] of Object.entries(places).flatMap(([at, all]) => all.map((one) => [at, one]))) {
            assert.ok(folder?.startsWith(join(rig.dir, "executor", place ?? "")), `${folder} is not temporary`);
            assert.equal(existsSync(folder ?? ""), false, "not removed");
          }
        },
      );
    } finally {
      delete process.env["CANARY_OF_A_TEST"];
      if (before === "") delete process.env["NODE_V8_COVERAGE"];
    }
  });

  it("has the variables of the operator's file and the operator's home, and keeps the safety settings", () =>
    withRig({}, async (outer) => {
      const file = join(outer.dir, "engine.env");
      await writeFile(file, "# a comment\n\nCLAUDE_CODE_OAUTH_TOKEN=a=b \nDISABLE_TELEMETRY=0\n", { mode: 0o600 });
      const env = {
        CCSP_EXECUTOR_ID: "other",
        CCSP_CLAUDE_CODE_ENV_FILE: file,
        CCSP_CLAUDE_CODE_HOME: outer.dir,
        CCSP_EXECUTOR_BROKER: "off",
      };
      await withRig(env, async (rig) => {
        const { env: seen }: Seen = JSON.parse((await resultOf(rig, rig.queue.add("[[report]]"))).text);
        assert.equal(seen["CLAUDE_CODE_OAUTH_TOKEN"], "a=b");
        assert.equal(seen["DISABLE_TELEMETRY"], "1");
        assert.equal(seen["HOME"], outer.dir);
        assert.equal("CLAUDE_CONFIG_DIR" in seen, false);
      });
    }));

  it("has the prompt on stdin and the system prompt in a file, neither in the command line, in folders of its own", () =>
    withRig({}, async (rig) => {
      const task = rig.queue.add("[[hang]] prompt-canary", {
        systemPrompt: "system-canary",
        model: "some-model",
        limits: { wallTime: undefined, outputBytes: 0n, turns: 4, budgetUsd: 0.5 },
      });
      const [pid = 0] = await eventually(() => expectProcesses(1, task));
      const args = await eventually(() => {
        const words = commandLineOf(pid).split("\0");
        // Before that, the process still runs the program that starts the engine.
        assert.ok(words.includes(SCRIPTED_ENGINE) && !words.includes("--pdeathsig"));
        return words;
      });
      assert.equal(
        args.some((word) => word.includes("canary")),
        false,
      );
      assert.ok(
        args.includes("--max-turns=4") && args.includes("--max-budget-usd=0.5") && args.includes("--model=some-model"),
      );
      const file = args.find((word) => word.startsWith("--append-system-prompt-file="))?.split("=")[1] ?? "";
      assert.equal((await stat(file)).mode & 0o777, 0o600);
      assert.equal((await stat(join(file, ".."))).mode & 0o777, 0o700);
      rig.queue.cancel(task);
      await rig.ended(task);
      assert.equal(existsSync(file), false);
    }));
});
