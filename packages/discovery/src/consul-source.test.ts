import assert from "node:assert/strict";
import type { HostPort } from "@ccsp/config";
import { pino } from "pino";
import type { ConsulApi, PassingQuery } from "./consul-api.js";
import { openConsulSource } from "./consul-source.js";

const A = { host: "a", port: 1 };
const B = { host: "b", port: 2 };

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

type Answer = Awaited<ReturnType<ConsulApi["passing"]>>;

/** Watches a fake Consul. The test gives each answer. */
function watchedBy(test: { found: (readonly HostPort[])[]; failed: string[] }) {
  const asked: PassingQuery[] = [];
  let answer: (answer: Answer) => void = () => {};
  let noticed: () => void = () => {};
  const unused = async () => {
    throw new Error("a watch only reads");
  };
  const api: ConsulApi = {
    passing(_, query) {
      asked.push(query);
      noticed();
      return new Promise((resolve, reject) => {
        answer = resolve;
        query.signal.addEventListener("abort", () => reject(query.signal.reason), { once: true });
      });
    },
    register: unused,
    knows: unused,
    deregister: unused,
  };
  const findings = {
    found: (addresses: readonly HostPort[]) => void test.found.push(addresses),
    failed: (message: string) => void test.failed.push(message),
    none: (message: string) => void test.failed.push(message),
  };
  const source = openConsulSource({ api, name: "queue", findings, log: pino({ level: "silent" }) });
  return {
    api,
    findings,
    source,
    asked,
    /** Does something and waits for the question that it causes. */
    next: async (act: () => void): Promise<PassingQuery> => {
      const before = asked.length;
      act();
      while (asked.length === before) {
        await new Promise<void>((resolve) => {
          noticed = resolve;
        });
      }
      const query = asked.at(-1);
      assert.ok(query);
      return query;
    },
    answer: (index: number, addresses: readonly HostPort[]) => answer({ index, addresses }),
  };
}

describe("a watch on Consul", () => {
  it("asks at once, then waits for a newer answer, and reports each change", async () => {
    const test = { found: [], failed: [] };
    const { source, asked, next, answer } = watchedBy(test);
    assert.equal(asked[0]?.index, 0);
    assert.equal((await next(() => answer(7, [A]))).index, 7);
    assert.equal((await next(() => answer(9, [A]))).index, 9);
    await next(() => answer(10, [A, B]));
    assert.deepEqual(test, { found: [[A], [A, B]], failed: [] });
    source.close();
  });

  it("starts over when the index goes back, as it does when Consul lost its state", async () => {
    const { source, next, answer } = watchedBy({ found: [], failed: [] });
    await next(() => answer(500, [A]));
    assert.equal((await next(() => answer(12, []))).index, 0);
    source.close();
  });

  it("stops its wait and asks at once when the channel lost a connection", async () => {
    const { source, next, answer } = watchedBy({ found: [], failed: [] });
    const waiting = await next(() => answer(7, [A]));
    assert.equal((await next(() => source.refresh())).index, 0);
    assert.equal(waiting.signal.aborted, true);
    source.close();
  });

  it("pauses when it gets an answer without a wait, as from a proxy that does not support waiting", async () => {
    let asked = 0;
    const passing = async (): Promise<Answer> => {
      asked += 1;
      await turn();
      return { index: 1, addresses: [A] };
    };
    const { source: waiting, api, findings } = watchedBy({ found: [], failed: [] });
    waiting.close();
    const source = openConsulSource({
      api: { ...api, passing },
      name: "queue",
      findings,
      log: pino({ level: "silent" }),
    });
    for (let turns = 0; turns < 50; turns++) await turn();
    source.close();
    assert.ok(asked < 25, `asked ${asked} times`);
  });

  it("reports that there is no instance, and ends with its channel", async () => {
    const test = { found: [], failed: [] };
    const { source, next, answer } = watchedBy(test);
    const waiting = await next(() => answer(3, []));
    assert.deepEqual(test, { found: [], failed: ["Consul knows no healthy instance"] });
    source.close();
    assert.equal(waiting.signal.aborted, true);
  });
});
