import assert from "node:assert/strict";
import type { Forecast } from "../forecast/domain/forecast.js";
import type { WindowReport } from "../windows/domain/window-report.js";
import { windowPressure } from "./window-pressure.js";

const NOW = Date.parse("2026-01-05T10:02:30Z");
const MINUTE = 60_000;
const FULL = { tokens: 10_000, cost: 0, requests: 100, costKnown: false, atMs: 0 };
const report = (more: object = {}, share: number | undefined = 0.5) => {
  const window = { engine: "claude-code", account: "team", name: "five_hour", full: FULL, ...more };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the source reads of it
  return { window, share } as unknown as WindowReport;
};

/** 500 tokens in each step of five minutes. */
const source = (reports: readonly WindowReport[], known = true) =>
  windowPressure({
    windows: { report: async () => reports },
    histories: {
      sum: async (_, startMs, endMs) => {
        assert.deepEqual([endMs, endMs - startMs], [Date.parse("2026-01-05T10:00:00Z"), 10 * MINUTE]);
        return { tokens: 1_000, cost: 0, requests: 20, withoutUsage: 0, withoutCost: 0 };
      },
    },
    forecasts: {
      of: async (filter, metric) => {
        assert.deepEqual([filter, metric], [{ account: "team" }, "tokens"]);
        const forecast = { state: "known", from: Date.parse("2026-01-05T10:00:00Z"), path: () => 500 };
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the source reads of it
        return { forecast: known ? (forecast as unknown as Forecast) : NONE, usage: Object.create(null) };
      },
    },
  });
const NONE = { state: "too-little-data", from: 0, horizonMs: 0, reason: "" } as const;

describe("usage windows as limits", () => {
  it("are forecast for an hour from now, or until they turn if that is sooner", async () => {
    const resetMs = NOW + 10 * MINUTE;
    const [hour, turning] = await source([report(), report({ resetMs })]).read(new Date(NOW));
    assert.deepEqual(hour, {
      subject: "account/claude-code/team",
      scope: "the window five_hour",
      usedShare: 0.5,
      predictedShare: 0.5 + (12 * 500) / 10_000,
      startsPerMinute: 2,
      fillingStarts: 100,
      turnMs: undefined,
    });
    assert.equal(turning?.turnMs, resetMs);
    assert.equal(turning?.predictedShare, 0.5 + (2 * 500) / 10_000);
  });

  it("are left out when nobody knows their share, what fills them, or the usage to come", async () => {
    assert.deepEqual(
      await source(
        [report({ full: undefined }), report({}, undefined)].map((each, i) =>
          i === 1 ? { ...each, share: undefined } : each,
        ),
      ).read(new Date(NOW)),
      [],
    );
    assert.deepEqual(await source([report()], false).read(new Date(NOW)), []);
  });
});
