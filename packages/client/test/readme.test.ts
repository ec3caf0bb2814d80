import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { TaskEnded, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { type FakeGateway, startFakeGateway } from "./fake-gateway.js";

const EXAMPLE = fileURLToPath(new URL("readme-example.ts", import.meta.url));

describe("the README's example", () => {
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

  it("is the file that this test runs", async () => {
    const [readme, example] = await Promise.all([
      readFile(new URL("../README.md", import.meta.url), "utf8"),
      readFile(EXAMPLE, "utf8"),
    ]);
    assert.ok(readme.includes(`\`\`\`ts\n${example.trimEnd()}\n\`\`\``));
  });

  it("streams one answer and awaits another", async () => {
    const args = ["--import=tsx", "--conditions=ccsp-src", EXAMPLE];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
      env: { PATH: process.env["PATH"], CCSP_GATEWAY: gateway.target, CCSP_TOKEN: "a-token" },
    });
    assert.equal(stdout, "hel\n[taken back]\nhellohello again\n");
    assert.equal(stderr, "\nSUCCEEDED, cost 0.25\n");
  });
});
