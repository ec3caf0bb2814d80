import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "@ccsp/testkit";
import { logFiles, openFleetLog } from "../src/up/fleet-log.js";
import { lineOf } from "../src/up/log-lines.js";
import { ccsp } from "./memory-io.js";

const NOON = Date.parse("2026-01-31T12:00:00.000Z");

describe("ccsp logs", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "ccsp-logs-"));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const path = () => join(dir, "fleet.log");
  const line = (source: string, text: string) => JSON.stringify({ source, line: text });
  const entry = (source: string, level: string, minute: number) =>
    line(source, JSON.stringify({ level, time: new Date(NOON + minute * 60_000).toISOString(), msg: `m${minute}` }));
  /** Writes lines into files of at most `bytes` bytes. */
  const write = (lines: readonly string[], bytes = 1_000) => {
    const log = openFleetLog(path(), { bytes, files: 200 });
    for (const each of lines) log.append(each);
    log.close();
  };
  const logs = async (...args: string[]) => {
    const { code, stdout, stderr } = await ccsp(["logs", "--json", ...args], { env: { CCSP_STATE_DIR: dir } });
    const lines = stdout.split("\n").filter(Boolean);
    return { code, stderr, lines: lines.map((each): { source: string; line: string } => JSON.parse(each)) };
  };

  it("counts only the lines of the service that was asked for, over all files of the log", async () => {
    const executor = Array.from({ length: 60 }, (_, at) => line("executor-1", `e${at}`));
    write(executor.flatMap((each) => [each, ...Array.from({ length: 4 }, () => line("queue-1", "x".repeat(200)))]));
    const { lines } = await logs("executor", "-n", "50");
    assert.deepEqual(
      lines.map((each) => each.line),
      Array.from({ length: 50 }, (_, at) => `e${at + 10}`),
    );
    assert.deepEqual(await logs("executor-2").then((found) => found.stderr), "no lines of executor-2\n");
    assert.deepEqual((await logs("executor", "-n", "0")).lines, []);
  });

  it("shows lines that are longer than a chunk, with letters of several bytes, as they are", async () => {
    const long = `${"ü€😀".repeat(20_000)}end`;
    write([line("queue-1", "first"), line("queue-1", long), line("queue-1", "last")], 10_000_000);
    const { lines } = await logs("-n", "2");
    assert.deepEqual(
      lines.map((each) => each.line),
      [long, "last"],
    );
  });

  it("shows the lines since a time, and those that have no time among them", async () => {
    write([
      entry("queue-1", "info", 0),
      line("redis", "old"),
      ...[10, 11].flatMap((minute) => [entry("queue-1", "info", minute), line("redis", `with ${minute}`)]),
    ]);
    const { lines } = await logs("--since", "2026-01-31T12:10Z");
    assert.deepEqual(
      lines.map((each) => each.line.slice(0, 7)),
      ["old", '{"level', "with 10", '{"level', "with 11"],
    );
  });

  it("shows the lines of a level and more severe ones, and what a crash leaves", async () => {
    write([
      entry("queue-1", "info", 0),
      entry("queue-1", "warn", 1),
      entry("queue-1", "fatal", 2),
      line("queue-1", "Error: crashed"),
      line("redis", "Ready"),
    ]);
    const { lines } = await logs("--level", "warn");
    assert.deepEqual(
      lines.map((each) => /m\d|crashed|Ready/.exec(each.line)?.[0]),
      ["m1", "m2", "crashed"],
    );
  });

  it("shows the warnings of the supervisor, which are of the time when it gave them", async () => {
    const said = (text: string, stream: "stderr" | "stdout") => JSON.stringify(lineOf(text, { name: "fleet", stream }));
    write([
      entry("queue-1", "info", 0),
      said("queue-1 ended (SIGKILL); restart in 200 ms", "stderr"),
      said("renewed the certificate of queue: it is due", "stdout"),
      line("fleet", "stopping …"),
    ]);
    for (const since of [[], ["--since", "10m"]]) {
      const { lines } = await logs("--level", "warn", ...since);
      assert.equal(lines.length, 1);
      assert.match(lines[0]?.line ?? "", /"msg":"queue-1 ended/);
    }
    const { stdout } = await ccsp(["logs", "--level", "warn"], { env: { CCSP_STATE_DIR: dir } });
    assert.match(
      stdout,
      /^fleet {10}\[?\d\d:\d\d:\d\d\.\d{3}\]? WARN: queue-1 ended \(SIGKILL\); restart in 200 ms\n$/,
    );
  });

  it("guesses the name that a person may have meant", async () => {
    const { code, stderr } = await ccsp(["logs", "quue"], { env: { CCSP_STATE_DIR: dir } });
    assert.equal(code, 2);
    assert.match(stderr, /\n\(Did you mean queue\?\)\n$/);
  });

  for (const name of ["executors", "executor-0", "executor-", "node", "redis-1", ""]) {
    it(`refuses the name "${name}", and lists the names`, async () => {
      write([line("queue-1", "x")]);
      const { code, stderr } = await ccsp(["logs", name], { env: { CCSP_STATE_DIR: dir } });
      assert.equal(code, 2);
      assert.equal(
        stderr.replace(/\(Did you mean .*\)\n$/, ""),
        `ccsp: no part of a fleet is named "${name}": name one of gateway, queue, executor, monitor, notification, ` +
          "single, redis, consul, fleet, or a replica such as queue-1\n",
      );
    });
  }

  it("follows the wanted lines over a rotation, and ends with 130 when it is interrupted", async () => {
    write([line("executor-1", "before"), line("queue-1", "other")]);
    appendFileSync(path(), line("executor-1", "torn").slice(0, 10));
    let shown = "";
    let interrupt = () => {};
    const following = ccsp(["logs", "executor", "-f"], {
      env: { CCSP_STATE_DIR: dir },
      onOutput: (stdout, press) => {
        shown = stdout;
        interrupt = press;
      },
    });
    try {
      await eventually(() => assert.match(shown, /before/));
      appendFileSync(path(), `${line("executor-1", "torn").slice(10)}\n`);
      await eventually(() => assert.match(shown, /before\n.*torn\n/));
      write([line("queue-1", "x".repeat(850)), line("executor-1", "after"), line("queue-1", "end")]);
      assert.deepEqual((await logFiles(path())).length, 2);
      await eventually(() => assert.match(shown, /torn\n.*after\n/));
    } finally {
      interrupt();
    }
    assert.equal((await following).code, 130);
    assert.doesNotMatch(shown, /other|end/);
  });
});
