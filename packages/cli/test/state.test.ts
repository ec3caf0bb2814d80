import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFleet, openStateDir, saveFleet, stateDir } from "../src/local-fleet/state.js";

describe("the state of a local fleet", () => {
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-cli-"));
  });
  after(() => rm(dir, { recursive: true, force: true }));

  /** Whether a process with these arguments is taken for the fleet when the state has its pid. */
  async function found(...args: readonly string[]): Promise<boolean> {
    const child = spawn(process.execPath, ["-e", "process.stdin.resume()", "--", ...args], { env: {} });
    await once(child, "spawn");
    try {
      const state = stateDir({ CCSP_STATE_DIR: dir });
      await saveFleet(state, { pid: child.pid ?? 0, ready: true, gateway: "127.0.0.1:1", services: [] });
      return (await findFleet(state)) !== undefined;
    } finally {
      child.kill();
      await once(child, "exit");
    }
  }

  it("is found while the process that owns it lives", async () => {
    assert.equal(await found("/somewhere/ccsp.js", "up", "--json"), true);
    assert.equal(await found("/usr/local/bin/ccsp", "up"), true);
  });

  it("is not taken from another process that reuses the pid of a dead one", async () => {
    assert.equal(await found("/home/me/ccsp/startup.js"), false);
    assert.equal(await found("/somewhere/ccsp.js", "watch", "up-123"), false);
  });

  describe("without CCSP_STATE_DIR", () => {
    const of = (env: Record<string, string>, root?: string) => stateDir(env, root).path;

    it("is in the repository of the command", async () => {
      await mkdir(join(dir, "packages"));
      await writeFile(join(dir, "pnpm-workspace.yaml"), "");
      assert.equal(of({ XDG_STATE_HOME: "/xdg" }, dir), join(dir, ".ccsp"));
    });

    it("is an absolute path, however the setting names it: services do not start in the folder of the command", () => {
      assert.equal(of({ CCSP_STATE_DIR: "fleets/mine" }), join(process.cwd(), "fleets/mine"));
    });

    it("is made with its missing parents, and is refused where no folder can be made", async () => {
      const deep = stateDir({ CCSP_STATE_DIR: join(dir, "a/b/c") });
      await openStateDir(deep);
      assert.ok((await stat(deep.dataDir)).isDirectory());
      for (const path of ["/proc/nowhere", join(dir, "a/b/c/data/../file/d")]) {
        await writeFile(join(dir, "a/b/c/file"), "");
        await assert.rejects(openStateDir(stateDir({ CCSP_STATE_DIR: path })), /cannot be the folder of a fleet/);
      }
    });

    it("is in the user's folder for state when npm installed the command", () => {
      assert.equal(of({ HOME: "/home/ada" }, "/usr/lib/node_modules"), "/home/ada/.local/state/ccsp");
      assert.equal(of({ HOME: "/home/ada", XDG_STATE_HOME: "/xdg" }, "/usr/lib"), "/xdg/ccsp");
      assert.equal(
        of({ HOME: "/home/ada", XDG_STATE_HOME: "not/absolute" }, "/usr/lib"),
        "/home/ada/.local/state/ccsp",
      );
    });
  });
});
