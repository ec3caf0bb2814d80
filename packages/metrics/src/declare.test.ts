import assert from "node:assert/strict";
import { Registry } from "prom-client";
import { declareCounter, declaredMetrics, declareGauge, declareHistogram } from "./index.js";

describe("the declarations of metrics", () => {
  const declareAll = () => ({
    count: declareCounter({ name: "test_things_total", help: "Things", labels: { kind: ["a", "b"] } }),
    level: declareGauge({ name: "test_level_ratio", help: "A level" }),
    time: declareHistogram({ name: "test_time_seconds", help: "A time", buckets: [1, 2] }),
  });
  let declared: ReturnType<typeof declareAll>;
  before(() => {
    declared = declareAll();
  });
  // Another test of this process compares the declarations of the services with their page.
  after(() => {
    const all = declaredMetrics();
    assert.ok(all instanceof Map);
    for (const name of all.keys()) if (name.startsWith("test_")) all.delete(name);
  });

  it("are known before a registry has the metric", () => {
    assert.deepEqual(declaredMetrics().get("test_things_total"), {
      name: "test_things_total",
      type: "counter",
      help: "Things",
      labels: { kind: ["a", "b"] },
    });
    assert.deepEqual(declaredMetrics().get("test_level_ratio")?.labels, {});
  });

  it("create a metric for each registry, with its own values", async () => {
    const { count, level, time } = declared;
    const [one, two] = [new Registry(), new Registry()];
    count(one).inc({ kind: "a" });
    count(two).inc({ kind: "b" }, 2);
    assert.match(await two.metrics(), /^test_things_total\{kind="a"\} 0$/m);
    const gauge = level(one, () => gauge.set(0.5));
    time(one).observe(1.5);
    assert.match(await two.metrics(), /^test_things_total\{kind="b"\} 2$/m);
    const shown = await one.metrics();
    for (const line of ['test_things_total{kind="a"} 1', "test_level_ratio 0.5", 'test_time_seconds_bucket{le="2"} 1'])
      assert.ok(shown.split("\n").includes(line), line);
  });

  it("refuse a name that another module has declared", () => {
    assert.throws(
      () => declareGauge({ name: "test_things_total", help: "Others" }),
      /two modules declare .*test_things/,
    );
  });
});
