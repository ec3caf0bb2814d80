import assert from "node:assert/strict";
import { spanRows } from "./span-rows.js";

const span = (name: string, depth: number, fromMs: number, toMs: number, failed = false) => ({
  name,
  service: "queue",
  depth,
  startTime: new Date(fromMs).toISOString(),
  endTime: new Date(toMs).toISOString(),
  failed,
});
const labels = (...spans: Parameters<typeof spanRows>[0]) => spanRows(spans, "failed").map(({ label }) => label);

describe("the rows of spans", () => {
  it("are one for spans that follow each other and are alike, with a bar for each", () => {
    const [run, reports] = spanRows(
      [span("run", 0, 0, 900), span("Report", 1, 100, 300), span("Report", 1, 500, 600)],
      "",
    );
    assert.equal(run?.label, "run");
    assert.equal(reports?.label, "Report ×2");
    assert.deepEqual(
      reports.bars.map(({ from, to }) => [from, to]),
      [
        [100, 300],
        [500, 600],
      ],
    );
    assert.match(reports.cause, /^queue · 0\.3 s$/);
  });

  it("are apart for spans that failed, that have children, or that are below another parent", () => {
    assert.deepEqual(labels(span("Report", 1, 0, 1), span("Report", 1, 2, 3, true)), ["Report", "Report"]);
    assert.deepEqual(labels(span("run", 0, 0, 9), span("Report", 1, 1, 2), span("run", 0, 10, 19)), [
      "run",
      "Report",
      "run",
    ]);
    assert.deepEqual(labels(span("run", 0, 0, 1), span("run", 0, 2, 9), span("Report", 1, 3, 4)), [
      "run",
      "run",
      "Report",
    ]);
  });

  it("are few, however often a task was retried", () => {
    const attempt = (n: number) => [
      span("queue.wait", 1, n * 100, n * 100 + 40),
      span("task.attempt", 1, n * 100 + 40, n * 100 + 90, true),
      span("engine.run", 2, n * 100 + 50, n * 100 + 80, true),
    ];
    const retries = Array.from({ length: 600 }, (_, n) => attempt(n)).flat();
    const rows = spanRows([span("task", 0, 0, 60_000), ...retries, span("task.attempt", 1, 60_000, 60_050)], "failed");
    assert.deepEqual(
      rows.map(({ label, depth, bars }) => [label, depth, bars.length]),
      [
        ["task", 0, 1],
        ["queue.wait ×600", 1, 600],
        ["task.attempt ×600", 1, 600],
        ["engine.run ×600", 2, 600],
        ["task.attempt", 1, 1],
      ],
    );
  });

  it("say in words which span failed", () => {
    assert.deepEqual(
      spanRows([span("Complete", 0, 0, 1_000, true)], "fehlgeschlagen").map(({ cause, bars }) => [
        cause,
        bars[0]?.tone,
      ]),
      [["queue · 1 s · fehlgeschlagen", "failed"]],
    );
  });
});
