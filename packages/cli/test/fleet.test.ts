import assert from "node:assert/strict";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SCRIPTED_ENGINE } from "@ccsp/testkit";
import { ccsp } from "./memory-io.js";

/** What `ccsp status --json` has, as far as it is looked at here. */
interface Status {
  readonly gateway: { readonly agentId: string };
  readonly services: readonly { readonly name: string; readonly status: string }[];
  readonly queue: { readonly engines: readonly string[] };
}

describe("ccsp up --single --detach", function () {
  this.timeout(120_000);
  let dir: string;
  let env: Record<string, string>;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-cli-"));
    env = {
      PATH: process.env["PATH"] ?? "",
      USER: "tester",
      CCSP_STATE_DIR: dir,
      CCSP_CLAUDE_CODE_BIN: SCRIPTED_ENGINE,
      CCSP_CLAUDE_CODE_API_KEY: "fake-key",
    };
    const { code, stderr } = await ccsp("up --single --detach --ports free".split(" "), { env });
    assert.equal(code, 0, stderr);
  });
  after(async () => {
    await ccsp(["down"], { env });
    await rm(dir, { recursive: true, force: true });
  });

  it("runs a task in a fleet of one process, with a token made for the user", async () => {
    const { code, stdout, stderr } = await ccsp(["run", "[[text:Grüße, 世界 🎉]]"], { env });
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "Grüße, 世界 🎉\n");
    assert.match(stderr, /trace id {4}[0-9a-f]{32}/);
    const { stdout: json } = await ccsp(["status", "--json"], { env });
    const status: Status = JSON.parse(json);
    assert.equal(status.gateway.agentId, "tester");
    assert.deepEqual(new Set(status.services.map((service) => service.status)), new Set(["ready"]));
    assert.deepEqual(status.queue.engines, ["claude-code"]);
  });

  it("keeps its secret from others and its log for ccsp logs", async () => {
    assert.equal((await stat(join(dir, "jwt.secret"))).mode & 0o777, 0o600);
    const { stdout } = await ccsp(["logs", "single", "--json"], { env });
    assert.match(stdout, /registered|ready/);
  });

  it("is refused where one runs already, and is gone after ccsp down", async () => {
    const again = await ccsp(["up", "--ports", "free"], { env });
    assert.equal(again.code, 2);
    assert.match(again.stderr, /runs already/);
    const down = await ccsp(["down", "--json"], { env });
    assert.equal(down.code, 0, down.stderr);
    const { stopped }: { stopped: number } = JSON.parse(down.stdout);
    assert.throws(() => process.kill(stopped, 0), { code: "ESRCH" });
  });
});
