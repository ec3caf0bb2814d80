import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { leakCheck } from "@ccsp/testkit";

describe("the leak check", () => {
  it("passes when there are no leaks", async () => {
    const leaks = leakCheck();
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    server.close();
    await leaks.check();
  });

  it("names a child process, a listening socket and a folder that are left", async () => {
    const leaks = leakCheck();
    const folder = await mkdtemp(join(tmpdir(), "ccsp-leak-"));
    leaks.folder(folder);
    const child = spawn("sleep", ["60"], { stdio: "ignore" });
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    await assert.rejects(leaks.check(), (error: unknown) => {
      const { message } = error instanceof Error ? error : new Error();
      assert.match(message, new RegExp(`process ${child.pid}: sleep 60`));
      assert.match(message, /1 × TCPSOCKETWRAP|1 × TCPServerWrap/i);
      assert.ok(message.includes(`folder ${folder}`));
      return true;
    });
    child.kill("SIGKILL");
    await once(child, "exit");
    server.close();
    await rm(folder, { recursive: true });
    await leaks.check();
  });
});
