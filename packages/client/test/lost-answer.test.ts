import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { type Cutter, startCutter } from "@ccsp/testkit";
import { type CcspClient, CcspError, createCcspClient, UnavailableError } from "../src/index.js";
import { type FakeGateway, startFakeGateway } from "./fake-gateway.js";

/** Asks for a longer wait than the client's patience, so that the client gives up at once. */
const OVERLOADED = new Refusal("OVERLOADED", "too much to do", { retryAfterMs: 60_000 });

describe("a call whose answer was lost", () => {
  let gateway: FakeGateway;
  let cutter: Cutter;
  let client: CcspClient;
  beforeEach(async () => {
    gateway = await startFakeGateway();
    cutter = await startCutter(Number(gateway.target.split(":")[1]));
    client = createCcspClient({ target: cutter.target, token: "a-token", resumeMs: 20_000, connectMs: 20_000 });
  });
  afterEach(async () => {
    client.close();
    await cutter.close();
    await gateway.stop();
  });

  /** The call takes effect, its answer is lost, and its repeat is refused. */
  const lose = (then: Refusal) =>
    gateway.beforeNextAnswer(() => {
      cutter.cut();
      gateway.refuseNext(then);
    });
  async function errorOf(call: Promise<unknown>): Promise<CcspError> {
    const error: unknown = await call.then(
      () => assert.fail("it did not fail"),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof CcspError, String(error));
    return error;
  }

  const submissions: Readonly<Record<string, () => Promise<unknown>>> = {
    submit: () => client.submit({ prompt: "hello" }),
    run: () => client.run({ prompt: "hello" }).result(),
  };
  for (const [name, submit] of Object.entries(submissions)) {
    it(`${name} says that the task may be stored when its repeats are refused, and its id gets that task`, async () => {
      lose(OVERLOADED);
      const error = await errorOf(submit());
      assert.ok(error instanceof UnavailableError);
      const { requestId = assert.fail() } = error;
      assert.deepEqual([error.reason, error.mayHaveTakenEffect, error.requestIds], ["OVERLOADED", true, [requestId]]);
      assert.match(error.message, new RegExp(`too much to do; the task may be stored.* ${requestId}$`));
      assert.deepEqual([...gateway.requests], [[requestId, 1]]);

      assert.equal((await client.submit({ prompt: "hello" }, { requestId })).id, `task-of-${requestId}`);
      assert.equal(gateway.requests.size, 1, "no second task");
    });

    it(`${name} says nothing of the kind when each try was refused, or no gateway was reached`, async () => {
      gateway.refuseNext(OVERLOADED);
      const refused = await errorOf(submit());
      assert.deepEqual([refused.reason, refused.message], ["OVERLOADED", "too much to do"]);
      client.close();
      client = createCcspClient({ target: "127.0.0.1:1", token: "a-token", connectMs: 2_000 });
      const unreached = await errorOf(submit());
      for (const error of [refused, unreached]) {
        assert.equal(error.mayHaveTakenEffect, false, error.message);
        assert.doesNotMatch(error.message, /may be stored/);
        assert.match(String(error.requestId), /^[0-9a-f-]{36}$/);
      }
    });
  }

  it("submitMany names the request id of every task, and of each that was refused after a lost answer", async () => {
    lose(OVERLOADED);
    const tasks = [{ prompt: "a", requestId: "mine" }, { prompt: "b" }];
    const error = await errorOf(client.submitMany(tasks));
    assert.deepEqual([error.mayHaveTakenEffect, error.requestId], [true, undefined]);
    assert.deepEqual(error.requestIds, [...gateway.requests.keys()]);
    assert.equal(error.requestIds[0], "mine");
    assert.match(error.message, /the tasks may be stored.* the same request ids$/);

    const one = async () => (await client.submitMany([{ prompt: "refused", requestId: "r" }]))[0] ?? assert.fail();
    for (const lost of [false, true]) {
      if (lost) gateway.beforeNextAnswer(() => cutter.cut());
      const outcome = await one();
      assert.ok("error" in outcome);
      assert.deepEqual([outcome.error.requestId, outcome.error.mayHaveTakenEffect], ["r", lost]);
    }
  });

  it("that deleted a schedule succeeds although its repeat does not find the schedule", async () => {
    await client.schedules.put({ name: "nightly", cron: "0 3 * * *", task: { prompt: "a" } });
    gateway.beforeNextAnswer(() => cutter.cut());
    await client.schedules.delete("nightly");
    await assert.rejects(client.schedules.delete("nightly"), {
      reason: "SCHEDULE_NOT_FOUND",
      mayHaveTakenEffect: false,
    });
  });

  it("says of every other change that it may have taken effect", async () => {
    lose(OVERLOADED);
    const error = await errorOf(client.schedules.put({ name: "n", cron: "0 3 * * *", task: { prompt: "a" } }));
    assert.deepEqual([error.mayHaveTakenEffect, error.requestIds], [true, []]);
    assert.match(error.message, /the call may have taken effect/);
  });
});
