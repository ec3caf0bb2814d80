import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { askHealth, freePort } from "@ccsp/fleet";
import { eventually, scaled } from "@ccsp/testkit";

const MAIN = fileURLToPath(new URL("./talking-main.ts", import.meta.url));
const EARLY = import.meta.resolve("@ccsp/telemetry/register.js").replace("/src/", "/dist/").replace(".ts", ".js");
/** More than the buffers of a pipe and of the log together. */
const MANY = 20_000;
/** The log is given up after 1 s. The rest is for the start of the program that gives the exit code. */
const END_MS = 6_000;

interface Line {
  readonly line?: number;
  readonly msg?: string;
  readonly dropped?: number;
}

describe("a service whose output nobody reads", () => {
  let folder: string;
  let port: number;
  let child: ChildProcess;
  let ended: Promise<unknown[]>;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "ccsp-unread-"));
    port = await freePort();
  });
  afterEach(async () => {
    child.kill("SIGKILL");
    await ended;
    rmSync(folder, { recursive: true });
  });

  const node = ["--import", EARLY, MAIN];
  async function start(
    stdio: StdioOptions,
    settings: Record<string, string> = {},
    commandLine: readonly string[] = [process.execPath, ...node],
  ) {
    const [command = "", ...args] = commandLine;
    child = spawn(command, args, {
      env: {
        PATH: process.env["PATH"],
        CCSP_TALKING_OPS_LISTEN: `127.0.0.1:${port}`,
        LINES: String(MANY),
        ...settings,
      },
      stdio,
    });
    ended = once(child, "exit");
    await eventually(async () => assert.equal(await state(), "ready"), { timeoutMs: 30_000, what: "the service" });
    assert.ok(child.pid);
    return child.pid;
  }
  const state = async () => (await askHealth(port, 5_000)).state;
  const droppedSoFar = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(5_000) });
    const [, count] = /^ccsp_log_lines_dropped_total\{.*\} (\d+)$/m.exec(await response.text()) ?? [];
    return Number(count);
  };
  /** Resolves when the service has written its lines, or lost them: it still answers. */
  async function hasTalked() {
    await eventually(async () => assert.ok((await droppedSoFar()) > 0), { what: "dropped lines" });
    assert.equal(await state(), "ready");
  }

  async function endsWith(code: number, signal: NodeJS.Signals) {
    const asked = performance.now();
    child.kill(signal);
    assert.deepEqual(await ended, [code, null]);
    const tookMs = performance.now() - asked;
    assert.ok(tookMs < scaled(END_MS), `${tookMs} ms`);
  }

  it("answers on, leaves the flags of a pipe alone, says at the gap how many lines are lost, and ends on SIGTERM", async () => {
    const [out, err] = [join(folder, "out"), join(folder, "err")];
    execFileSync("mkfifo", [out, err]);
    const readers = [out, err].map((path) => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
    const writers = [out, err].map((path) => openSync(path, constants.O_WRONLY));
    const pid = await start(["ignore", ...writers]);
    for (const fd of writers) closeSync(fd);
    process.kill(pid, "SIGUSR2");
    await hasTalked();
    for (const fd of [1, 2]) {
      const [, flags = ""] = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8")) ?? [];
      assert.equal(Number.parseInt(flags, 8) & constants.O_NONBLOCK, 0, `descriptor ${fd} is shared`);
    }
    const sockets = readers.map((fd) => new Socket({ fd, readable: true, writable: false }));
    await Promise.all(sockets.map(everyLineOrItsLoss));
    process.kill(pid, "SIGUSR2");
    await endsWith(0, "SIGTERM");
    for (const socket of sockets) socket.destroy();
  });

  it("answers on at a terminal that is stopped, and says how many lines are lost", async () => {
    const command = `exec ${[process.execPath, ...node].join(" ")} 2>/dev/null`;
    await start(["ignore", "pipe", "inherit"], {}, [
      "script",
      "-qefc",
      `echo $$ >${folder}/pid; ${command}`,
      "/dev/null",
    ]);
    process.kill(Number(readFileSync(join(folder, "pid"), "utf8")), "SIGUSR2");
    await hasTalked();
    assert.ok(child.stdout);
    await everyLineOrItsLoss(child.stdout);
  });

  it("ends when it crashes, with its exit code", async () => {
    const pid = await start(["ignore", "pipe", "pipe"]);
    process.kill(pid, "SIGUSR2");
    await hasTalked();
    await endsWith(1, "SIGHUP");
  });

  it("has every line in a file when it ends, in order, up to its last", async () => {
    // In memory, because a disk that stands still for the second of the end costs lines. The name is gone at once.
    const path = `/dev/shm/ccsp-unread-${process.pid}`;
    const fd = openSync(path, "a+");
    rmSync(path);
    // It signals itself: the threads of a process may take two signals from outside in either order.
    const pid = await start(["ignore", fd, fd], { LINES: "2000", END: "SIGTERM" });
    process.kill(pid, "SIGUSR2");
    assert.deepEqual(await ended, [0, null]);
    const lines = readFileSync(`/proc/self/fd/${fd}`, "utf8").trimEnd().split("\n").map(parsed);
    const numbers = lines.flatMap(({ line }) => line ?? []);
    assert.deepEqual(
      numbers,
      Array.from({ length: 4_000 }, (_, at) => Math.floor(at / 2) + 1),
    );
    assert.ok(lines.some(({ msg }) => msg === "stopped"));
    closeSync(fd);
  });
});

const parsed = (line: string): Line => JSON.parse(line);

/** Reads until every line is there or counted as lost. The lines must be whole and in order. */
async function everyLineOrItsLoss(from: Readable): Promise<void> {
  let text = "";
  from.on("data", (chunk) => {
    text += String(chunk);
  });
  const lines = () =>
    text
      .slice(0, text.lastIndexOf("\n") + 1)
      .split("\n")
      .filter(Boolean)
      .map(parsed);
  const numbers = () => lines().flatMap(({ line }) => line ?? []);
  await eventually(() => {
    const dropped = lines().reduce((sum, line) => sum + (line.dropped ?? 0), 0);
    assert.ok(dropped > 0);
    assert.equal(numbers().length + dropped, MANY);
  });
  from.pause();
  assert.deepEqual(
    numbers(),
    numbers().toSorted((a, b) => a - b),
  );
}
