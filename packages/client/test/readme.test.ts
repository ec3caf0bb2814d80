import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { serverTls } from "@ccsp/grpc-kit";
import { TaskEnded, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { createAuthority } from "@ccsp/testkit";
import { type FakeGateway, startFakeGateway } from "./fake-gateway.js";

const EXAMPLE = fileURLToPath(new URL("readme-example.ts", import.meta.url));
const CONNECT = fileURLToPath(new URL("readme-connect.ts", import.meta.url));

/** What an example prints. */
async function runExample(file: string, env: Readonly<Record<string, string>>) {
  const args = ["--import=tsx", "--conditions=ccsp-src", file];
  return promisify(execFile)(process.execPath, args, { env: { PATH: process.env["PATH"], ...env } });
}

describe("the README's examples", () => {
  let gateway: FakeGateway;
  before(async () => {
    const value = TaskEnded.fromPartial({ state: TaskState.SUCCEEDED, result: { text: "hello again", costUsd: 0.25 } });
    gateway = await startFakeGateway([
      { $case: "textDelta", value: { text: "hel", message: 1 } },
      { $case: "textTakenBack", value: { message: 1 } },
      { $case: "textDelta", value: { text: "hello", message: 2 } },
      { $case: "taskEnded", value },
    ]);
  });
  after(() => gateway.stop());

  it("are the files that this test runs", async () => {
    const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
    for (const file of [EXAMPLE, CONNECT]) {
      const example = await readFile(file, "utf8");
      assert.ok(readme.includes(`\`\`\`ts\n${example.trimEnd()}\n\`\`\``), file);
    }
  });

  it("streams one answer and awaits another", async () => {
    const { stdout, stderr } = await runExample(EXAMPLE, { CCSP_GATEWAY: gateway.target, CCSP_TOKEN: "a-token" });
    assert.equal(stdout, "hel\n[taken back]\nhellohello again\n");
    assert.equal(stderr, "\nSUCCEEDED, cost 0.25\n");
  });

  it("connect with files, and say what is wrong", async function () {
    const authority = await createAuthority(this);
    const dir = await mkdtemp(join(tmpdir(), "ccsp-client-"));
    const secure = await startFakeGateway([], serverTls(await authority.issue("localhost")));
    const [tokenFile, caFile] = [join(dir, "token"), join(dir, "ca.pem")];
    const target = secure.target.replace("127.0.0.1", "localhost");
    const env = { CCSP_GATEWAY: target, CCSP_TOKEN_FILE: tokenFile, CCSP_CA_FILE: caFile };
    try {
      await writeFile(caFile, authority.ca);
      await assert.rejects(runExample(CONNECT, env), { code: 1, stderr: /^no good token \(TOKEN_MISSING\).*ENOENT/ });
      await writeFile(tokenFile, "a-token\n");
      const { stdout, stderr } = await runExample(CONNECT, env);
      assert.deepEqual({ stdout, stderr }, { stdout: "CCSP 1 knows this agent as alice\n", stderr: "" });
      await secure.stop();
      const lost = { code: 1, stderr: /^no gateway: no gateway could be reached at localhost:.*ECONNREFUSED/ };
      await assert.rejects(runExample(CONNECT, env), lost);
    } finally {
      await secure.stop();
      await rm(dir, { recursive: true });
      await authority.close();
    }
  });
});
