import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { eventually, hugeText, leakCheck, SCRIPTED_ENGINE } from "@ccsp/testkit";
import { type EngineRun, engineEnv, type Run, startEngine, temporaryHome } from "./run-engine.js";

describe("the scripted engine", () => {
  let home: Awaited<ReturnType<typeof temporaryHome>>;
  let leaks: ReturnType<typeof leakCheck>;

  beforeEach(async () => {
    leaks = leakCheck();
    home = await temporaryHome();
    leaks.folder(home.path);
  });

  afterEach(async () => {
    await home.remove();
    await leaks.check();
  });

  const start = (prompt: string, rest: Partial<EngineRun> = {}) =>
    startEngine({
      bin: SCRIPTED_ENGINE,
      home: home.path,
      prompt,
      env: engineEnv(home.path, "http://127.0.0.1:9"),
      ...rest,
    });
  const run = (prompt: string, rest: Partial<EngineRun> = {}): Promise<Run> => start(prompt, rest).ended;
  const answerOf = async (prompt: string, rest: Partial<EngineRun> = {}) =>
    (await run(prompt, rest)).result?.["result"];

  it("answers --version as the CLI it copies", async () => {
    const { stdout } = await promisify(execFile)(SCRIPTED_ENGINE, ["--version"], { env: engineEnv(home.path, "") });
    assert.equal(stdout, "2.1.197 (Claude Code)\n");
  });

  it("refuses an unknown flag and an unknown marker, so a typing error is seen", async () => {
    assert.match((await run("x", { flags: ["--modle", "y"] })).stderr, /unknown option '--modle'/);
    const { exit, stderr } = await run("[[hnag]]");
    assert.equal(exit, 64);
    assert.match(stderr, /\[\[hnag\]\] is not a marker/);
  });

  it("reports its arguments, folder and environment", async () => {
    const report: unknown = JSON.parse(String(await answerOf("[[report]]", { flags: ["--model", "m"] })));
    assert.ok(typeof report === "object" && report && "cwd" in report && "env" in report && "argv" in report);
    assert.equal(report.cwd, home.path);
    // Under `make coverage`, Node itself adds this variable to the environment of every child process.
    const names = Object.keys(report.env ?? {}).filter((name) => name !== "NODE_V8_COVERAGE");
    assert.deepEqual(names.toSorted(), Object.keys(engineEnv(home.path, "")).toSorted());
    assert.ok(Array.isArray(report.argv) && report.argv.includes("--include-partial-messages"));
  });

  it("waits at a gate until the file is there", async () => {
    const gate = join(home.path, "gate");
    const running = start(`[[gate:${gate}]] hello`);
    await eventually(() => assert.ok(running.lines.some((line) => line.subtype === "init")));
    await writeFile(gate, "");
    assert.equal((await running.ended).result?.["result"], "You said: hello");
  });

  it("misbehaves only in the first runs", async () => {
    const prompt = `[[fail:529]] [[first:2:${join(home.path, "runs")}]] hello`;
    const errors = [];
    for (let i = 0; i < 3; i++) errors.push((await run(prompt)).result?.["is_error"]);
    assert.deepEqual(errors, [true, true, false]);
  });

  it("resumes a known conversation, and refuses an unknown one", async () => {
    const { result } = await run("remember the pear");
    const resumed = await run("[[recall]]", { flags: ["--resume", String(result?.["session_id"])] });
    assert.equal(resumed.result?.["result"], "remember the pear");
    const unknown = await run("x", { flags: ["--resume", "11111111-1111-1111-1111-111111111111"] });
    assert.match(unknown.stderr, /No conversation found with session ID: 11111111/);
    assert.equal(unknown.exit, 1);
  });

  it("streams a flood that can be compared, also in single bytes when it is small", async () => {
    assert.ok((await answerOf("[[flood:5MB]]")) === hugeText(5 * 1024 * 1024));
    assert.equal((await run("[[split:1]] [[text:日本 🙂]]")).text, "日本 🙂");
  });

  it("puts garbage between good lines", async () => {
    const { odd, result, lines } = await run("[[garbage]] hello");
    assert.ok(odd.includes("this line is not JSON"));
    assert.ok(lines.some((line) => line.type === "from_the_future"));
    assert.equal(result?.["result"], "You said: hello");
  });

  it("floods stderr and still answers", async () => {
    const { stderr, result } = await run("[[flood-stderr:1MB]] hello");
    assert.ok(stderr.length >= 1024 * 1024);
    assert.equal(result?.["result"], "You said: hello");
  });

  for (const [marker, exit] of [
    ["[[no-result]]", 0],
    ["[[cut-result]]", 0],
    ["[[empty-exit-0]]", 0],
    ["[[exit:3]]", 3],
    ["[[crash:SIGSEGV]]", "SIGSEGV"],
  ] as const) {
    it(`ends with ${exit} and without a result on ${marker}, although standard input is open`, async () => {
      const ended = await run(`${marker} hello`);
      assert.equal(ended.exit, exit);
      assert.equal(ended.result, undefined);
      assert.equal(ended.odd.length, marker === "[[cut-result]]" ? 1 : 0);
    });
  }

  for (const [marker, seen] of [
    ["[[hang]]", "init"],
    ["[[hang-mid]]", "You"],
    ["[[hang-after-result]]", "success"],
  ] as const) {
    it(`hangs after ${seen} on ${marker} until SIGTERM, which it answers with 143`, async () => {
      const running = start(`${marker} hello`);
      await eventually(() =>
        assert.ok(running.lines.some((line) => [line.subtype, line.event?.delta?.text].includes(seen))),
      );
      running.kill("SIGTERM");
      assert.equal((await running.ended).exit, 143);
    });
  }

  it("ignores SIGTERM and SIGINT when its marker says so, and continues", async () => {
    const gate = join(home.path, "gate");
    const running = start(`[[ignore-sigterm]] [[gate:${gate}]] hello`);
    await eventually(() => assert.ok(running.lines.length > 0));
    running.kill("SIGTERM");
    running.kill("SIGINT");
    await writeFile(gate, "");
    const { exit, result } = await running.ended;
    assert.deepEqual([exit, result?.["result"]], [0, "You said: hello"]);
  });

  it("leaves a child in its own session, or one that holds stdout open, and reports their pids", async () => {
    const running = start("[[grandchild-setsid]] [[grandchild-stdout]] [[report]]");
    await eventually(() => assert.ok(running.lines.some((line) => line.type === "result")));
    const report: unknown = JSON.parse(String(running.lines.at(-1)?.["result"]));
    assert.ok(typeof report === "object" && report && "children" in report && Array.isArray(report.children));
    const pids = report.children.map(Number);
    assert.equal(pids.length, 2);
    for (const pid of pids) {
      assert.equal(sessionOf(pid), pid);
      process.kill(pid, "SIGKILL");
    }
    assert.equal((await running.ended).exit, 0);
    await eventually(() => assert.ok(!pids.some(alive)));
  });
});

function sessionOf(pid: number): number {
  return Number(statOf(pid)[3]);
}

/** A process is dead if it is gone, or if it has ended and waits to be reaped. */
function alive(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && statOf(pid)[0] !== "Z";
}

/** Returns state, parent, group, session, … */
function statOf(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}
