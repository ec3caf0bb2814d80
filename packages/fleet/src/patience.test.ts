import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createPatience, workSeconds } from "./patience.js";

/** Works for some time, says for how long, and then waits. */
const WORKS = `
  const seconds = () => (process.cpuUsage().user + process.cpuUsage().system) / 1e6;
  while (seconds() < 0.3);
  console.log(seconds());
  setInterval(() => {}, 1e6);
`;

describe("the patience with programs that start", () => {
  const LIMIT_MS = 60_000;
  let nowMs: number;
  beforeEach(() => {
    nowMs = 1_000;
  });
  /** Looks once a second, and returns after how many seconds it is over. Undefined: not within an hour. */
  const overAfter = (signs: (second: number) => { steps?: number; loadingSeconds?: number }): number | undefined => {
    const patience = createPatience(LIMIT_MS, () => nowMs);
    for (let second = 1; second <= 3_600; second += 1) {
      nowMs += 1_000;
      if (patience.isOver({ steps: 0, loadingSeconds: 0, ...signs(second) })) return second;
    }
    return undefined;
  };

  it("ends after the limit when nothing happens, counted from the last step", () => {
    assert.equal(
      overAfter(() => ({})),
      61,
    );
    assert.equal(
      overAfter((second) => ({ steps: Math.min(Math.floor(second / 50), 5) })),
      250 + 61,
    );
  });

  it("does not end while a program loads on a fiftieth of a core, and ends for one that only waits", () => {
    assert.equal(
      overAfter((second) => ({ loadingSeconds: second / 50 })),
      undefined,
    );
    assert.equal(
      overAfter((second) => ({ loadingSeconds: second / 200 })),
      61,
    );
  });

  it("sees progress again when the program that loaded is done and another one loads", () => {
    const patience = createPatience(LIMIT_MS, () => nowMs);
    const look = (steps: number, loadingSeconds: number): boolean => {
      nowMs += 4_000;
      return patience.isOver({ steps, loadingSeconds });
    };
    assert.equal(look(0, 30), false);
    for (let at = 0; at < 100; at += 1) assert.equal(look(1, at / 10), false);
  });

  it("takes a step that is undone and done again for no progress", () => {
    assert.equal(
      overAfter((second) => ({ steps: second % 2 })),
      62,
    );
  });

  it("does not count the time in which it did not run itself", () => {
    const patience = createPatience(LIMIT_MS, () => nowMs);
    nowMs += 3_600_000;
    assert.equal(patience.isOver({ steps: 0, loadingSeconds: 0 }), false);
  });

  it("reads the processor time of a process, and 0 of one that is gone", async function () {
    if (process.platform !== "linux") this.skip();
    const child = spawn(process.execPath, ["--eval", WORKS]);
    try {
      const [said] = await once(child.stdout, "data");
      const seconds = Number(said);
      const read = workSeconds(child.pid ?? 0);
      assert.ok(read > seconds - 0.1 && read < seconds + 0.3, `${read} s, but it used ${seconds} s`);
    } finally {
      child.kill();
    }
    assert.equal(workSeconds(2 ** 30), 0);
  });
});
