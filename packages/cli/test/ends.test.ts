import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { eventually } from "@ccsp/testkit";
import { startFakeAgentService } from "./fake-agent-service.js";
import { openLocalFolder, UP } from "./local-fleet.js";

const BIN = fileURLToPath(new URL("../bin/ccsp.js", import.meta.url));

/** A command in a process of its own, as a shell starts it. */
class Running {
  readonly #child: ChildProcess;
  readonly #exited: Promise<[number | null, NodeJS.Signals | null]>;
  stdout = "";
  stderr = "";

  /** `output`: an open file for standard output. */
  constructor(args: readonly string[], env: Readonly<Record<string, string>>, output: number | "pipe" = "pipe") {
    this.#child = spawn(process.execPath, [BIN, ...args], { env, stdio: ["pipe", output, "pipe"] });
    this.#child.stdout?.on("data", (data) => (this.stdout += data));
    this.#child.stderr?.on("data", (data) => (this.stderr += data));
    this.#child.stdin?.on("error", () => {});
    this.#exited = new Promise((resolve) => this.#child.once("close", (code, signal) => resolve([code, signal])));
  }

  /** Resolves when the command reads standard input: a pipe does not hold so much. */
  async readsInput(): Promise<void> {
    await new Promise((resolve) => this.#child.stdin?.write("x".repeat(512 * 1024), resolve));
  }

  tells(pattern: RegExp): Promise<unknown> {
    return eventually(() => assert.match(this.stderr + this.stdout, pattern), { timeoutMs: 15_000 });
  }

  closeOutput(...names: readonly ("stdout" | "stderr")[]): void {
    for (const name of names) this.#child[name]?.destroy();
  }

  /** The exit code, after the signal. */
  async end(signal?: NodeJS.Signals): Promise<number | null> {
    if (signal) this.#child.kill(signal);
    const [code] = await this.#exited;
    return code;
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

describe("a command of ccsp", function () {
  this.timeout(60_000);
  let gateway: Awaited<ReturnType<typeof startFakeAgentService>>;
  /** Takes connections and says nothing. */
  let silent: Server;
  let silentTarget: string;
  let dir: string;
  const running: Running[] = [];
  const start = (line: string, env: Readonly<Record<string, string>> = {}, output?: number): Running => {
    const own = { PATH: process.env["PATH"] ?? "", CCSP_GATEWAY: gateway.target, CCSP_TOKEN: "t", CCSP_STATE_DIR: dir };
    const command = new Running(line.split(" "), { ...own, ...env }, output);
    running.push(command);
    return command;
  };
  before(async () => {
    gateway = await startFakeAgentService();
    dir = await mkdtemp(join(tmpdir(), "ccsp-cli-"));
    await writeFile(join(dir, "fleet.log"), "a line of the log\n");
    silent = createServer((socket) => socket.on("error", () => {})).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const address = silent.address();
    silentTarget = `127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
  });
  after(async () => {
    for (const command of running) command.kill();
    silent.close();
    await gateway.close();
    await rm(dir, { recursive: true, force: true });
  });

  const idIn = (text: string): string => /task-\d+/.exec(text)?.[0] ?? assert.fail(text);
  const lastTask = (): string => `task-${gateway.submitted.length}`;

  it("ends with 130 on Ctrl-C, while it waits for an answer", async () => {
    for (const line of ["list", "get x", "queue list", "emergency stop --level kill --why x", "executor runs"]) {
      const arrived = once(silent, "connection");
      const command = start(line, { CCSP_GATEWAY: silentTarget });
      await arrived;
      assert.equal(await command.end("SIGINT"), 130, line);
      assert.equal(command.stderr, "", line);
    }
  });

  it("ends with 130 on Ctrl-C, while it reads standard input", async () => {
    for (const line of ["run", "submit -", "list --token-file -"]) {
      const command = start(line);
      await command.readsInput();
      assert.equal(await command.end("SIGINT"), 130, line);
      assert.equal(command.stderr, "", line);
    }
  });

  it("ends with 130 on Ctrl-C, while it follows a log", async () => {
    const command = start("logs -f");
    await command.tells(/a line of the log/);
    assert.equal(await command.end("SIGINT"), 130);
  });

  it("leaves the task running, and says how to watch it, on Ctrl-C, SIGTERM and a closed terminal", async () => {
    for (const [signal, code] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
      ["SIGHUP", 129],
    ] as const) {
      const run = start("run hang");
      await run.tells(/^task task-\d+$/m);
      const id = idIn(run.stderr);
      const watch = start(`watch ${id} --json`);
      await watch.tells(/"type":"text"/);
      for (const command of [run, watch]) {
        assert.equal(await command.end(signal), code, signal);
        assert.match(command.stderr, new RegExp(`the task continues; watch it with: ccsp watch ${id} --after 1$`, "m"));
      }
      assert.equal(gateway.stateOf(id), TaskState.QUEUED);
    }
  });

  it("ends with 141 and the same words when the reader of its output has gone, and the task continues", async () => {
    const run = start("run paused --json");
    await run.tells(/"type":"text"/);
    run.closeOutput("stdout");
    gateway.resume();
    assert.equal(await run.end(), 141);
    assert.equal(run.stderr, `\nthe task continues; watch it with: ccsp watch ${lastTask()}\n`);
    assert.equal(gateway.stateOf(lastTask()), TaskState.QUEUED);
  });

  it("ends with 1 and says why when its output cannot be written, and the task continues", async () => {
    const full = openSync("/dev/full", "w");
    const run = start("run hang --json", {}, full);
    assert.equal(await run.end(), 1);
    const told = "ccsp: the output cannot be written: ENOSPC: no space left on device, write";
    assert.equal(run.stderr, `${told}\n\nthe task continues; watch it with: ccsp watch ${lastTask()}\n`);
    closeSync(full);
    assert.equal(gateway.stateOf(lastTask()), TaskState.QUEUED);
  });

  it("ends with 129 when its terminal is closed and nobody reads its output or its errors", async () => {
    const run = start("run hang --json");
    await run.tells(/"type":"text"/);
    run.closeOutput("stdout", "stderr");
    assert.equal(await run.end("SIGHUP"), 129);
    assert.equal(gateway.stateOf(lastTask()), TaskState.QUEUED);
  });

  it("ends with 141 and without words when a list is not read to its end", async () => {
    const list = start("list --help");
    list.closeOutput("stdout");
    assert.equal(await list.end(), 141);
    assert.equal(list.stderr, "");
  });
});

describe("a fleet in a terminal that is closed", function () {
  this.timeout(90_000);

  it("stops in order, also when the signal comes twice, and ends with 129", async () => {
    const folder = await openLocalFolder();
    try {
      const fleet = await folder.spawn(UP);
      const file = join(folder.dir, "fleet.json");
      await eventually(async () => assert.match(await readFile(file, "utf8"), /"ready": true/), { timeoutMs: 60_000 });
      fleet.kill("SIGHUP");
      fleet.kill("SIGHUP");
      assert.deepEqual(await fleet.exited, { code: 129, signal: null });
      await assert.rejects(readFile(file), { code: "ENOENT" });
      const [redis = 0] = await folder.redisPids();
      await eventually(() => assert.throws(() => process.kill(redis, 0), { code: "ESRCH" }));
    } finally {
      await folder.close();
    }
  });
});
