import assert from "node:assert/strict";
import { pino } from "pino";
import { Registry } from "prom-client";
import { watchClockAhead } from "./clock-ahead.js";

describe("the clock difference", () => {
  it("is reported each time, and warned of once until it is small again", async () => {
    const lines: { level: number; aheadMs: number }[] = [];
    const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });
    const registry = new Registry();
    const measured = watchClockAhead(registry, { service: "queue", of: "Redis'", log });
    const warnings = () => lines.filter(({ level }) => level === 40).map(({ aheadMs }) => aheadMs);
    measured(100);
    assert.deepEqual(lines, []);
    measured(-11_000);
    measured(-12_000);
    assert.deepEqual(warnings(), [-11_000]);
    assert.match(await registry.metrics(), /^ccsp_queue_clock_ahead_seconds -12$/m);
    measured(5);
    measured(3_000);
    assert.deepEqual(warnings(), [-11_000, 3_000]);
  });
});
