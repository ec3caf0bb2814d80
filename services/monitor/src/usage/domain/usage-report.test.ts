import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { reportAgents } from "./agent-stats.js";
import { noCounts } from "./counts.js";
import { type OutsideWork, recordWork } from "./record-usage.js";
import { microUsd, NO_ROW, type Row, type Run } from "./run.js";
import { reportTimeSeries } from "./time-series.js";
import { bucketsOf, checkedRange, reportUsage } from "./usage-report.js";
import { type CountedRow, DAY_MS, HOUR_MS, MINUTE_MS, type UsageStore } from "./usage-store.js";

const now = new Date("2026-03-01T10:30:00Z");
const at = (text: string) => new Date(text);
const ms = (text: string) => at(text).getTime();

const counted = (row: Partial<Row>, runs: number): CountedRow => ({
  row: { ...NO_ROW, ...row },
  counts: { ...noCounts(), runs, costMicroUsd: 5 },
});

/** A store whose every bucket has these rows. */
function storeOf(rows: readonly CountedRow[]) {
  const asked: string[] = [];
  const give = async function* (kind: string, starts: readonly number[]) {
    asked.push(`${kind} ${starts.length}`);
    for (const start of starts) yield { start, rows };
  };
  const store: UsageStore = {
    record: async () => "ok",
    read: give,
    readMinutes: (dimension, starts) => give(`minute ${dimension}`, starts),
    readAttempts: async function* () {},
    readAgents: async function* () {},
    readCounters: async () => new Map(),
    dropCounters: async () => undefined,
  };
  return { store, asked };
}

async function refusedFields(work: () => unknown): Promise<string[]> {
  try {
    await work();
  } catch (error) {
    assert.ok(error instanceof Refusal);
    assert.equal(error.reason, "INVALID_FIELD");
    return error.fields.map(({ field }) => field);
  }
  return assert.fail("was not refused");
}

describe("usage report", () => {
  it("covers the last 24 hours by default, by whole hours", () => {
    const { hours, days } = bucketsOf(checkedRange({ start: undefined, end: undefined }, now, DAY_MS), now.getTime());
    assert.deepEqual([hours.length, days], [25, []]);
    assert.equal(hours[0], ms("2026-02-28T10:00:00Z"));
    assert.equal(hours.at(-1), ms("2026-03-01T10:00:00Z"));
  });

  it("rounds the start down and the end up, and does not read the hour that begins when the range ends", () => {
    const hours = (start: string, end: string) => bucketsOf({ start: ms(start), end: ms(end) }, now.getTime()).hours;
    const [eight, nine] = [ms("2026-03-01T08:00:00Z"), ms("2026-03-01T09:00:00Z")];
    assert.deepEqual(hours("2026-03-01T08:59:59Z", "2026-03-01T09:00:00.001Z"), [eight, nine]);
    assert.deepEqual(hours("2026-03-01T08:00:00Z", "2026-03-01T09:00:00Z"), [eight]);
  });

  it("reads whole days in the middle and hours at the edges, each moment once", () => {
    const range = { start: ms("2026-02-01T22:00:00Z"), end: ms("2026-02-04T02:00:00Z") };
    const { hours, days, start, end } = bucketsOf(range, now.getTime());
    assert.deepEqual(days, [ms("2026-02-02T00:00:00Z"), ms("2026-02-03T00:00:00Z")]);
    assert.equal(hours.length, 4);
    assert.deepEqual({ start, end }, range);
  });

  it("rounds out to the day where hours are not kept any more, and says so", () => {
    const range = { start: ms("2025-06-01T10:00:00Z"), end: ms("2025-06-01T11:00:00Z") };
    assert.deepEqual(bucketsOf(range, now.getTime()), {
      hours: [],
      days: [ms("2025-06-01T00:00:00Z")],
      start: ms("2025-06-01T00:00:00Z"),
      end: ms("2025-06-02T00:00:00Z"),
    });
  });

  it("refuses a range that ends at its start, is longer than two years or has an invalid time, naming the field", async () => {
    const check = (start: Date | undefined, end: Date | undefined) =>
      refusedFields(() => checkedRange({ start, end }, now, DAY_MS));
    assert.deepEqual(await check(now, now), ["end_time"]);
    assert.deepEqual(await check(now, at("2020-01-01T00:00:00Z")), ["end_time"]);
    assert.deepEqual(await check(at("2020-01-01T00:00:00Z"), undefined), ["start_time"]);
    assert.deepEqual(await check(new Date(Number.NaN), undefined), ["start_time"]);
  });

  it("sums by the dimensions of the grouping, sorted by them, and drops what the filter does not match", async () => {
    const { store } = storeOf([
      counted({ agent: "b", model: "m", label: "team=x,tier=1" }, 1),
      counted({ agent: "a", model: "n", label: "team=y" }, 2),
      counted({ agent: "a", model: "m", label: "team=xx" }, 3),
    ]);
    const hour = { start: at("2026-03-01T09:00:00Z"), end: at("2026-03-01T10:00:00Z") };
    const rows = async (query: Partial<Parameters<typeof reportUsage>[1]>) =>
      (await reportUsage(store, { ...hour, groupBy: ["agent"], filter: {}, ...query }, now)).rows.map(
        ({ row, counts }) => [row.agent, row.model, counts.runs],
      );
    assert.deepEqual(await rows({}), [
      ["a", "", 5],
      ["b", "", 1],
    ]);
    assert.deepEqual(await rows({ groupBy: ["model"], filter: { agent: "a" } }), [
      ["", "m", 3],
      ["", "n", 2],
    ]);
    assert.deepEqual(await rows({ filter: { label: "team=x" } }), [["b", "", 1]]);
  });

  it("counts money in whole micro-dollars, and treats an invalid price as unknown", () => {
    assert.deepEqual([0, 0.1 + 0.2, 1e-7, 12.3456789].map(microUsd), [0, 300_000, 0, 12_345_679]);
    assert.deepEqual(
      [undefined, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e20, 1e305].map(microUsd),
      Array(6).fill(undefined),
    );
  });
});

describe("time series", () => {
  const range = { start: at("2026-03-01T08:00:00Z"), end: at("2026-03-01T10:00:00Z") };
  const base = { ...range, groupBy: [], filter: {}, stepMs: HOUR_MS, maxSeries: 0 };

  it("reads hours or days for whole ones, and below an hour the one dimension that the query uses", async () => {
    const { store, asked } = storeOf([counted({}, 1)]);
    await reportTimeSeries(store, base, now);
    await reportTimeSeries(store, { ...base, stepMs: DAY_MS }, now);
    await reportTimeSeries(store, { ...base, stepMs: 5 * MINUTE_MS }, now);
    const { series } = await reportTimeSeries(store, { ...base, stepMs: MINUTE_MS * 30, groupBy: ["model"] }, now);
    assert.deepEqual(asked, ["hour 2", "day 1", "minute engine 120", "minute model 120"]);
    assert.deepEqual(
      [...(series[0]?.points ?? [])].map(([, counts]) => counts.runs),
      [30, 30, 30, 30],
    );
  });

  it("keeps the largest series and sums the rest, so that nothing is lost", async () => {
    const { store } = storeOf(["a", "b", "c"].map((agent, runs) => counted({ agent }, runs + 1)));
    const { series } = await reportTimeSeries(store, { ...base, groupBy: ["agent"], maxSeries: 1 }, now);
    assert.deepEqual(
      series.map(({ row, sum }) => [row.agent, sum.runs]),
      [
        ["c", 6],
        ["other", 6],
      ],
    );
  });

  it("keeps points of the series that it returns only, and the same whether it reads once or twice", async () => {
    let kept = 0;
    const rows = Array.from({ length: 50 }, (_, runs) => counted({ agent: `a${runs}` }, runs + 1));
    const { store, asked } = storeOf(rows);
    const query = { ...base, groupBy: ["agent"] as const };
    const all = await reportTimeSeries(store, { ...query, maxSeries: 50 }, now);
    assert.deepEqual(asked.splice(0), ["hour 2"]);
    const few = await reportTimeSeries(store, { ...query, maxSeries: 3 }, now);
    assert.deepEqual(asked, ["hour 2", "hour 2"]);
    assert.deepEqual(few.series.slice(0, 3), all.series.slice(0, 3));
    for (const { points } of few.series) kept += points.size;
    assert.equal(kept, 8);
    const rest = few.series[3];
    assert.deepEqual([rest?.row.agent, rest?.sum.runs], ["other", 2 * ((47 * 48) / 2)]);
  });

  it("refuses more points than an answer can hold", async () => {
    const { store } = storeOf(Array.from({ length: 60 }, (_, at) => counted({ agent: `a${at}` }, 1)));
    const days90 = { start: at("2025-12-02T00:00:00Z"), end: at("2026-03-01T00:00:00Z"), stepMs: HOUR_MS };
    const ask = (maxSeries: number) =>
      reportTimeSeries(store, { ...base, ...days90, groupBy: ["agent"], maxSeries }, now);
    assert.equal((await ask(20)).steps, 2_136);
    assert.deepEqual(await refusedFields(() => ask(60)), ["max_series"]);
  });

  it("refuses 10^9 buckets, steps that are not whole minutes or longer than the longest range, and too fine ones", async () => {
    const { store, asked } = storeOf([]);
    const refused = (query: object) => refusedFields(() => reportTimeSeries(store, { ...base, ...query }, now));
    const long = { start: at("2024-06-01T00:00:00Z"), end: now };
    assert.deepEqual(await refused({ ...long, stepMs: MINUTE_MS }), ["step"]);
    const longest = 315_576_000_000_000;
    for (const stepMs of [0, -HOUR_MS, 1, 90_000, Number.NaN, 6e10 + 1, 732 * DAY_MS, longest])
      assert.deepEqual(await refused({ stepMs }), ["step"]);
    assert.deepEqual(
      await refused({ start: at("2026-02-01T00:00:00Z"), end: at("2026-02-01T01:00:00Z"), stepMs: MINUTE_MS }),
      ["step"],
    );
    assert.deepEqual(await refused({ stepMs: MINUTE_MS, groupBy: ["agent"], filter: { model: "m" } }), ["step"]);
    assert.deepEqual(await refused({ maxSeries: -1 }), ["max_series"]);
    assert.deepEqual(await refused({ end: range.start }), ["end_time"]);
    assert.deepEqual(await refusedFields(() => reportAgents(store, { agent: "", days: 91 }, now)), ["days"]);
    assert.deepEqual(asked, []);
  });
});

describe("work done outside", () => {
  const work = {
    requestId: "r1",
    agent: "a",
    engine: "e",
    account: "",
    model: "",
    priority: "",
    labels: { team: "x" },
    endTime: undefined,
    outcome: "succeeded",
    tokens: undefined,
    costUsd: undefined,
    runMs: undefined,
  } as const;

  const recorded: Run[] = [];
  const ports = {
    store: {
      record: async (run: Run) => {
        recorded.push(run);
        return "ok" as const;
      },
    },
    claims: { claim: async (records: readonly { readonly endMs: number }[]) => records.map(({ endMs }) => endMs) },
  };
  const recordOf = (one: OutsideWork) => recordWork(ports, [one], { allowedLabels: ["team"], prefixOf: () => "", now });

  it("has an id of its agent and request, and unknown numbers where the caller gives none", async () => {
    await recordOf(work);
    const [run] = recorded;
    assert.deepEqual([run?.id, run?.row.label, run?.endTime], ["outside a r1", "team=x", now]);
    assert.deepEqual([run?.tokens, run?.costMicroUsd, run?.runMs], [undefined, undefined, undefined]);
  });

  it("is refused with every field that is negative, empty, absurd or in the future", async () => {
    const tokens = { input: -1, output: 2e12, cacheRead: 0, cacheCreation: 0 };
    const wrong = {
      ...work,
      requestId: "",
      agent: "a\n",
      tokens,
      costUsd: -0.01,
      runMs: -1,
      endTime: at("2027-01-01T00:00:00Z"),
    };
    assert.deepEqual(await refusedFields(() => recordOf(wrong)), [
      "request_id",
      "agent_id",
      "usage.input_tokens",
      "usage.output_tokens",
      "cost_usd",
      "run_time",
      "end_time",
    ]);
    const old = at("2026-01-01T00:00:00Z");
    assert.deepEqual(await refusedFields(() => recordOf({ ...work, endTime: old, costUsd: Number.NaN })), [
      "cost_usd",
      "end_time",
    ]);
  });
});
