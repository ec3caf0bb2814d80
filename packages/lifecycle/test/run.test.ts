import assert from "node:assert/strict";
import { pino } from "pino";
import { runService, type ServiceContext } from "../src/index.js";

const log = pino({ level: "silent" });

describe("runService", () => {
  it("stops when its caller asks, and does not handle signals if so configured", async () => {
    const stop = new AbortController();
    const closed: string[] = [];
    const before = process.listenerCount("SIGTERM");
    const run = runService(
      log,
      async ({ open }) => {
        await open("a", { close: async () => void closed.push("a") });
        assert.equal(process.listenerCount("SIGTERM"), before);
        stop.abort();
      },
      { stop: stop.signal, handleSignals: false },
    );
    assert.equal(await run, 0);
    assert.deepEqual(closed, ["a"]);
  });

  it("removes its signal handlers when it has stopped", async () => {
    const before = process.listenerCount("SIGTERM");
    await runService(log, async () => {}, { stop: AbortSignal.abort() });
    assert.equal(process.listenerCount("SIGTERM"), before);
  });

  it("lets any number of calls wait for the stop without a warning of a leak", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on("warning", onWarning);
    const stop = new AbortController();
    await runService(
      log,
      async ({ stopping }) => {
        for (let call = 0; call < 50; call++) stopping.addEventListener("abort", () => call);
        await new Promise((resolve) => setImmediate(resolve));
        stop.abort();
      },
      { stop: stop.signal, handleSignals: false },
    );
    process.off("warning", onWarning);
    assert.deepEqual(warnings, []);
  });

  it("notifies the service that the stop begins, before anything is closed", async () => {
    const stop = new AbortController();
    const order: string[] = [];
    await runService(
      log,
      async ({ open, stopping }) => {
        stopping.addEventListener("abort", () => order.push("stopping"));
        await open("a", { close: async () => void order.push("closed") });
        stop.abort();
      },
      { stop: stop.signal },
    );
    assert.deepEqual(order, ["stopping", "closed"]);
  });

  it("notifies the service when the start failed", async () => {
    let signal: AbortSignal | undefined;
    const code = await runService(log, async ({ stopping }) => {
      signal = stopping;
      throw new Error("failed");
    });
    assert.equal(code, 1);
    assert.equal(signal?.aborted, true);
  });

  it("gives up on a close that takes longer than its limit, closes the rest and resolves to 1", async () => {
    const closed: string[] = [];
    const code = await runService(
      log,
      async ({ open }) => {
        await open("a", { close: async () => void closed.push("a") });
        await open("b", { close: () => new Promise(() => {}) });
      },
      { closeMs: 10, stop: stopSoon() },
    );
    assert.equal(code, 1);
    assert.deepEqual(closed, ["a"]);
  });

  it("does not wait for a start that waits for a resource outside of its control", async () => {
    const closed: string[] = [];
    const code = await runService(
      log,
      async ({ open }) => {
        await open("a", { close: async () => void closed.push("a") });
        await new Promise(() => {});
      },
      { stop: stopSoon() },
    );
    assert.equal(code, 0);
    assert.deepEqual(closed, ["a"]);
  });

  it("closes at once what a start opens after the stop", async () => {
    const stop = new AbortController();
    const closed: string[] = [];
    let context: ServiceContext | undefined;
    const code = await runService(
      log,
      async (given) => {
        context = given;
        stop.abort();
      },
      { stop: stop.signal },
    );
    assert.equal(code, 0);
    await assert.rejects(async () => context?.open("late", { close: async () => void closed.push("late") }));
    assert.deepEqual(closed, ["late"]);
  });

  it("closes what was opened in parallel when one of them fails", async () => {
    const closed: string[] = [];
    const resource = (name: string) => ({ close: async () => void closed.push(name) });
    const code = await runService(log, async ({ open }) => {
      await Promise.all([
        open("a", Promise.resolve(resource("a"))),
        open("b", Promise.reject(new Error("away"))),
        open("c", new Promise<ReturnType<typeof resource>>((resolve) => setImmediate(() => resolve(resource("c"))))),
      ]);
    });
    assert.equal(code, 1);
    assert.deepEqual(closed, ["c", "a"]);
  });
});

/** Aborts shortly after the start began. */
function stopSoon(): AbortSignal {
  const stop = new AbortController();
  setImmediate(() => stop.abort());
  return stop.signal;
}
