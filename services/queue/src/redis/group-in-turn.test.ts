import assert from "node:assert/strict";
import { mock } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { groupInTurn } from "./group-in-turn.js";

describe("groupInTurn", () => {
  /** A group is answered when the test calls its `answer`. */
  const start = (patienceMs: number) => {
    const groups: { items: readonly string[]; answer: () => void; fail: () => void }[] = [];
    const call = groupInTurn<string, string, string>(
      (_key, items) =>
        new Promise((resolve, reject) => {
          const answer = () => resolve(items.map((item) => `${item}!`));
          groups.push({ items, answer, fail: () => reject(new Error("away")) });
        }),
      { keyOf: (item) => item.slice(0, 1), patienceMs, late: () => new Error("late") },
    );
    return { call, groups, asked: () => groups.map(({ items }) => items.join(" ")) };
  };

  it("has one group of a key in progress, and collects later calls into the next", async () => {
    const { call, groups, asked } = start(10_000);
    const first = call("a1");
    await nextTurn();
    const others = [call("a2"), call("b1")];
    await nextTurn();
    others.push(call("a3"));
    await nextTurn();
    assert.deepEqual(asked(), ["a1", "b1"]);
    groups[0]?.fail();
    await assert.rejects(first, /away/);
    await nextTurn();
    assert.deepEqual(asked(), ["a1", "b1", "a2 a3"]);
    for (const { answer } of groups) answer();
    assert.deepEqual(await Promise.all(others), ["a2!", "b1!", "a3!"]);
    const later = call("a4");
    await nextTurn();
    groups[3]?.answer();
    assert.equal(await later, "a4!");
  });

  it("makes no call for a caller that has given up", async () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      const { call, groups, asked } = start(10_000);
      const calls = [call("a1")];
      await nextTurn();
      calls.push(call("a2"));
      const refused = calls.map((each) => assert.rejects(each, /late/));
      mock.timers.tick(10_000);
      await Promise.all(refused);
      groups[0]?.answer();
      await nextTurn();
      assert.deepEqual(asked(), ["a1"]);
    } finally {
      mock.timers.reset();
    }
  });
});
