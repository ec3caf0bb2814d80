import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { engineProcesses, eventually, isOfSandbox } from "@ccsp/testkit";

describe("the processes of engines", () => {
  it("are none while the shell of a sandbox starts the proxy, and then the one that it becomes", async () => {
    const line = ["-c", ': TCP-LISTEN:3128; read -r _; exec "$@"', "sh", "sleep", "60"];
    const shell = spawn("/bin/sh", line, { stdio: ["pipe", "ignore", "inherit"] });
    const ended = once(shell, "exit");
    const pid = shell.pid ?? assert.fail();
    try {
      assert.deepEqual(engineProcesses([pid, process.pid]), []);
      assert.equal(isOfSandbox(pid), false);
      shell.stdin.write("\n");
      await eventually(() => assert.deepEqual(engineProcesses([pid, process.pid]), [pid, process.pid]));
    } finally {
      shell.kill("SIGKILL");
      await ended;
    }
    assert.deepEqual(engineProcesses([pid, process.pid]), [process.pid], "it has ended");
  });
});
