import { setTimeout as delay } from "node:timers/promises";

// A machine that gives this process a tenth of a core.
const own = process.threadCpuUsage.bind(process);
process.threadCpuUsage = () => ({ user: own().user / 10, system: own().system / 10 });

describe("on a slow machine, later than its limit", () => {
  it("ends a test with a promise", () => delay(600)).timeout(400);

  it("ends a test without one", () => {
    for (const end = performance.now() + 600; performance.now() < end; );
  }).timeout(400);

  it("does not end in time even so", () => {
    for (const end = performance.now() + 400; performance.now() < end; );
  }).timeout(10);
});
