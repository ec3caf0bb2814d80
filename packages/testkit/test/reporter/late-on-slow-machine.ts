import { setTimeout as delay } from "node:timers/promises";

// A machine that gives this process a fifth of a core.
const own = process.threadCpuUsage.bind(process);
process.threadCpuUsage = () => ({ user: own().user / 5, system: own().system / 5 });

describe("on a slow machine, later than its limit", () => {
  it("ends a test with a promise", () => delay(300)).timeout(100);

  it("ends a test without one", () => {
    for (const end = performance.now() + 300; performance.now() < end; );
  }).timeout(100);

  it("does not end in time even so", () => {
    for (const end = performance.now() + 300; performance.now() < end; );
  }).timeout(10);
});
