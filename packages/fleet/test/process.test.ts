import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { type ManagedProcess, startProcess } from "@ccsp/fleet";

describe("startProcess", () => {
  const processes: ManagedProcess[] = [];
  const node = async (
    script: string,
    {
      nodeArgs = [],
      ...more
    }: {
      env?: Record<string, string>;
      nodeArgs?: readonly string[];
      onLine?: (line: string, stream: string) => void;
    } = {},
  ) => {
    const child = await startProcess({
      name: "child",
      command: process.execPath,
      args: [...nodeArgs, "-e", script],
      env: {},
      ...more,
    });
    processes.push(child);
    return child;
  };
  afterEach(async () => {
    for (const child of processes.splice(0)) await child.stop(0);
  });

  it("gives the child only the named environment", async () => {
    const lines: string[] = [];
    const child = await node("console.log(JSON.stringify(process.env))", {
      env: { A: "1" },
      onLine: (line) => lines.push(line),
    });
    await child.exited;
    const env: Record<string, string> = JSON.parse(lines.join(""));
    // Under `make coverage`, Node itself adds this variable to the environment of every child process.
    delete env["NODE_V8_COVERAGE"];
    assert.deepEqual(env, { A: "1" });
  });

  it("passes on whole lines of both streams, and joins characters that were split between writes", async () => {
    const lines: string[] = [];
    const child = await node(
      `const bytes = Buffer.from("日本 🦀\\nrest");
       let at = 0;
       const next = () => at < bytes.length ? process.stdout.write(bytes.subarray(at, ++at), next) : console.error("end");
       next();`,
      { onLine: (line, stream) => lines.push(`${stream}: ${line}`) },
    );
    await child.exited;
    assert.deepEqual(lines.sort(), ["stderr: end", "stdout: rest", "stdout: 日本 🦀"]);
    assert.equal(child.lastLines().length, 3);
  });

  it("rejects with the reason when the program does not exist", async () => {
    await assert.rejects(
      startProcess({ name: "ghost", command: "/no/such/program", args: [], env: {} }),
      /ghost cannot be started.*ENOENT/,
    );
  });

  it("lets a process that stops on SIGTERM end normally", async () => {
    const said = firstLine();
    const child = await node(
      "process.on('SIGTERM', () => process.exit(7)); setInterval(() => {}, 1000); console.log('up')",
      { onLine: said.onLine },
    );
    await said.line;
    assert.deepEqual(await child.stop(), { code: 7, signal: null });
    assert.equal(child.kill("SIGTERM"), false);
  });

  it("kills the whole group of a process that ignores SIGTERM", async () => {
    const said = firstLine();
    const child = await node(
      `const { pid } = require("node:child_process").spawn("sleep", ["300"], { stdio: "inherit" });
       process.on("SIGTERM", () => {});
       setInterval(() => {}, 1000);
       console.log(pid);`,
      { env: { PATH: "/usr/bin:/bin" }, onLine: said.onLine },
    );
    const grandchild = Number(await said.line);
    assert.deepEqual(await child.stop(20), { code: null, signal: "SIGKILL" });
    await gone(grandchild);
  });

  it("ends a child whose parent was killed with SIGKILL", async function () {
    if (!existsSync("/usr/bin/setpriv")) this.skip();
    const said = firstLine();
    const parent = await node(
      `import("${new URL("../src/index.ts", import.meta.url).href}").then(async ({ startProcess }) => {
         const { pid } = await startProcess({ name: "child", command: "/bin/sleep", args: ["300"], env: {} });
         console.log(pid);
       });`,
      { nodeArgs: process.execArgv, onLine: said.onLine },
    );
    const child = Number(await said.line);
    // Until then the process is still setpriv, which may not have asked yet for the signal at its parent's end.
    while (!readFileSync(`/proc/${child}/cmdline`, "utf8").startsWith("/bin/sleep\0")) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    parent.kill("SIGKILL");
    await gone(child);
  });

  it("ends processes left in the group, both after a normal stop and after a crash", async () => {
    for (const end of [(child: ManagedProcess) => child.stop(), (child: ManagedProcess) => child.kill("SIGKILL")]) {
      const said = firstLine();
      const child = await node(
        `const { pid } = require("node:child_process").spawn("sleep", ["300"], { stdio: "ignore" });
         process.on("SIGTERM", () => process.exit(0));
         setInterval(() => {}, 1000);
         console.log(pid);`,
        { env: { PATH: "/usr/bin:/bin" }, onLine: said.onLine },
      );
      const grandchild = Number(await said.line);
      await end(child);
      await gone(grandchild);
    }
  });
});

function firstLine() {
  let onLine: (line: string) => void = () => {};
  const line = new Promise<string>((resolve) => {
    onLine = resolve;
  });
  return { line, onLine: (text: string) => onLine(text) };
}

/** Waits until the process is killed. It may still wait for init to reap it. */
async function gone(pid: number): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (alive(pid)) {
    assert.ok(Date.now() < deadline, `process ${pid} is still there`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function alive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
