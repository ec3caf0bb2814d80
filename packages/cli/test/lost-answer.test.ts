import assert from "node:assert/strict";
import { CallError } from "@ccsp/grpc-kit";
import { type Cutter, startCutter } from "@ccsp/testkit";
import { adviceFor, errorJson } from "../src/connection/failed-call.js";
import { startFakeAgentService } from "./fake-agent-service.js";
import { ccsp, type Invocation } from "./memory-io.js";

/** The status of gRPC. */
const UNAVAILABLE = 14;

describe("a task whose acceptance nobody heard of", () => {
  let gateway: Awaited<ReturnType<typeof startFakeAgentService>>;
  let cutter: Cutter;
  let onLost: () => void;
  before(async () => {
    gateway = await startFakeAgentService({ onLost: () => onLost() });
    cutter = await startCutter(Number(gateway.target.split(":")[1]));
  });
  beforeEach(() => {
    onLost = () => cutter.cut();
  });
  after(async () => {
    await cutter.close();
    await gateway.close();
  });

  const at = (args: readonly string[], more: Invocation = {}) =>
    ccsp(args, { ...more, env: { CCSP_GATEWAY: cutter.target, CCSP_TOKEN: "a-token" } });
  const lastId = () => gateway.submitted.at(-1)?.requestId ?? assert.fail();

  for (const command of ["submit", "run"]) {
    it(`makes ${command} print the command that gets this task and no second one`, async () => {
      const { code, stderr } = await at([command, "--label", "a=b", "--", "lost in 'space'"]);
      assert.equal(code, 5, stderr);
      assert.match(stderr, /too much; the task may be stored/);
      const line = stderr.split("\n").find((each) => each.startsWith("  ccsp"));
      const prompt = String.raw`'lost in '\''space'\'''`;
      assert.equal(line, `  ccsp ${command} --request-id ${lastId()} --label a=b -- ${prompt}`);
    });

    it(`makes ${command} name only the option when the command does not fit in one line`, async () => {
      const { stderr } = await at([command, "lost\nlines"]);
      assert.match(stderr, new RegExp(`the same command with --request-id ${lastId()}$`, "m"));
      assert.ok(!stderr.includes(`ccsp ${command}`));
    });

    it(`makes ${command} -o json say whether the task may be stored, and its request id`, async () => {
      for (const prompt of ["lost", "refuse:QUEUE_FULL"]) {
        const { stderr } = await at([command, prompt, "-o", "json", "--request-id", `${command} ${prompt}`]);
        const { requestId, mayHaveTakenEffect } = JSON.parse(stderr).error;
        assert.deepEqual([requestId, mayHaveTakenEffect], [`${command} ${prompt}`, prompt === "lost"]);
      }
    });

    it(`makes ${command} name the request id when Ctrl-C comes before the answer`, async () => {
      let interrupt: () => void = () => assert.fail();
      onLost = () => interrupt();
      const { code, stderr } = await at([command, "lost again"], { onStart: (press) => void (interrupt = press) });
      assert.equal(code, 130, stderr);
      assert.match(stderr, new RegExp(`before the task was known to be accepted.* --request-id ${lastId()}`));
    });
  }

  it("is reported for a change of an operator too, which has no request id, and not for calls that only read", async () => {
    const create = ["key", "create", "--agent", "ci", "--role", "agent", "--name", "lost"];
    const { code, stderr } = await at(create);
    assert.equal(code, 5, stderr);
    assert.match(
      stderr,
      /^ccsp: too much\nthe call may have taken effect, because a try of it got no answer: look before/,
    );
    const refused = await at(create);
    assert.equal(refused.stderr, "ccsp: too much\n", "every try was refused");
    const lost = (method: string) =>
      new CallError(UNAVAILABLE, "gone", undefined, { method: `/ccsp.gateway.v1.OperatorService/${method}` });
    assert.deepEqual(
      ["ListKeys", "RotateKey"].map((method) => adviceFor(lost(method)).length),
      [0, 1],
    );
    assert.deepEqual(Reflect.get(errorJson(lost("RotateKey")), "mayHaveTakenEffect"), true);
  });

  it("is not reported for a task that was refused", async () => {
    const { stderr } = await at(["submit", "refuse:QUEUE_FULL"]);
    assert.doesNotMatch(stderr, /may be stored|request-id/);
  });
});
