import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NO_OPTIONS, type RunRequest } from "@ccsp/engine-kit";
import { pino } from "pino";
import { preparation } from "./preparation.js";

const profile = {
  ...{ home: undefined, apiKey: "fake", baseUrl: undefined, maxRetries: 0 },
  ...{ declared: {}, declaredNow: async () => ({}) },
};
const from = { id: "an-id", transcript: Buffer.from("{}") };

describe("the start of Claude Code", () => {
  let host: string;
  let work: string;
  beforeEach(async () => {
    host = await realpath(await mkdtemp(join(tmpdir(), "ccsp-preparation-test-")));
    work = join(host, "work");
    await mkdir(join(work, ".claude"), { recursive: true });
  });
  afterEach(() => rm(host, { recursive: true, force: true }));

  /** Arguments, environment and log of a run, with a CLI that has only these options. */
  const start = async (changes: Partial<RunRequest>, has: readonly string[] = []) => {
    const path = await mkdtemp(join(host, "run-"));
    const lines: string[] = [];
    const log = pino({ base: null }, { write: (line) => void lines.push(line) });
    const login = { token: async () => "", renew: async () => undefined, standIn: async () => "" };
    const options = { has: async (option: string) => has.includes(option), ran() {} };
    const limits = { wallMs: 1, outputBytes: 1, turns: undefined, budgetUsd: undefined };
    const request: RunRequest = {
      ...NO_OPTIONS,
      ...{ taskId: "task-1", fence: 1n, prompt: "p", files: [], traceparent: "" },
      ...{ workingFolder: undefined, permissionMode: "default", limits, ...changes },
    };
    const folder = { path, work: join(path, "work"), home: join(path, "home"), tmp: join(path, "tmp") };
    const { args, env } = await preparation({ profile, options, login, log }, request)(folder, false);
    const file = (option: string) => args.find((word) => word.startsWith(`${option}=`))?.slice(option.length + 1) ?? "";
    return { args, env, file, said: lines.join("") };
  };
  const inWork = (more: Partial<RunRequest> = {}) => ({ workingFolder: work, workingRoot: host, ...more });

  it("says in the log what a working folder brings and is not loaded, without its path and its content", async () => {
    await writeFile(
      join(work, ".claude", "settings.json"),
      '{"hooks":{"a":"CONTENT"},"permissions":{"deny":["Read"]}}',
    );
    await writeFile(join(work, "CLAUDE.md"), "CONTENT");
    const { args, file, said } = await start(inWork({ systemPrompt: "the task's" }));
    assert.match(said, /"task":"task-1","ignored":\["hooks in .claude\/settings.json"\],"msg":"not loaded/);
    assert.doesNotMatch(said, /CONTENT|ccsp-preparation-test/);
    assert.ok(args.includes("--setting-sources=user"));
    assert.match(
      await readFile(file("--append-system-prompt-file"), "utf8"),
      /^the task's\n\nContents of [^]*CONTENT$/,
    );
    assert.equal(await readFile(file("--settings"), "utf8"), '{"permissions":{"deny":["Read"]}}');
    const trusted = await start(inWork({ projectSettings: true }));
    assert.deepEqual([trusted.said, trusted.file("--settings")], ["", ""]);
    assert.ok(!trusted.args.some((word) => word.startsWith("--setting-sources")));
    assert.ok((await start({ projectSettings: true })).args.includes("--setting-sources=user"), "without a folder");
  });

  it("uses the options of newer versions only where the CLI has them", async () => {
    const option = "--system-prompt-snapshot";
    const old = await start(inWork({ conversation: { from, fork: false } }));
    const recent = await start(inWork({ conversation: { from, fork: false } }), [option]);
    assert.deepEqual([old.file(option), recent.file(option)], ["", "off"]);
    const name = "CLAUDE_CODE_DISABLE_GIT_INSTRUCTIONS";
    assert.deepEqual([old.env[name], recent.env[name]], ["1", undefined]);
    assert.equal((await start({ conversation: { from: undefined, fork: false } }, [option])).file(option), "");
  });

  it("names the engine's own model where a conversation would bring that of the turn before", async () => {
    const next = { conversation: { from, fork: false } };
    assert.equal((await start(next)).file("--model"), "default");
    assert.equal((await start({ ...next, model: "asked-for" })).file("--model"), "asked-for");
    assert.equal((await start({})).file("--model"), "");
    await writeFile(join(work, ".claude", "settings.json"), '{"model":"of-the-folder"}');
    assert.equal((await start(inWork(next))).file("--model"), "default");
    assert.equal((await start(inWork({ ...next, projectSettings: true }))).file("--model"), "of-the-folder");
  });
});
