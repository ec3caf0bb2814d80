import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "@ccsp/docs-generator/blocks.js";
import { knownMetrics } from "@ccsp/docs-generator/metrics.js";
import { DASHBOARDS, dashboardFiles } from "@ccsp/grafana/dashboards.js";
import { faultsOfQuery, metricsIn } from "@ccsp/grafana/promql.js";
import type { MetricDeclaration } from "@ccsp/metrics";

interface GrafanaPanel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly uid: string };
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string; readonly refId: string }[];
}
interface GrafanaDashboard {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly panels: readonly GrafanaPanel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
}

const overlap = ({ gridPos: a }: GrafanaPanel, { gridPos: b }: GrafanaPanel): boolean =>
  a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

describe("The dashboards of Grafana", () => {
  const folder = join(ROOT, "deploy/grafana");
  const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
  const dashboards = files.map((name): GrafanaDashboard => JSON.parse(readFileSync(join(folder, name), "utf8")));
  let metrics: ReadonlyMap<string, MetricDeclaration>;
  before(async () => {
    metrics = await knownMetrics();
  });

  it("are all generated, and none has the address of another", () => {
    assert.deepEqual(
      files.map((name) => `deploy/grafana/${name}`).toSorted(),
      Object.keys(dashboardFiles()).toSorted(),
    );
    assert.equal(new Set(dashboards.map(({ uid }) => uid)).size, files.length);
  });

  it("ask only for metrics, labels and values that services export", () => {
    const faults = dashboards.flatMap(({ uid, panels }) =>
      panels.flatMap(({ title, targets = [] }) =>
        targets.flatMap(({ expr }) => faultsOfQuery(expr, metrics).map((fault) => `${uid}, ${title}: ${fault}`)),
      ),
    );
    assert.deepEqual(faults, []);
  });

  it("have panels with title, description, unit, data source and legend, which do not overlap", () => {
    for (const { uid, title, description, panels, templating } of dashboards) {
      assert.ok(title !== "" && description !== "", uid);
      assert.deepEqual(
        templating.list.map(({ name, type }) => [name, type]),
        [["datasource", "datasource"]],
      );
      assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length, `${uid}: ids`);
      const titles = panels.map((panel) => panel.title);
      assert.equal(new Set(titles).size, titles.length, `${uid}: titles ${titles.join(", ")}`);
      for (const panel of panels) {
        const { x, w } = panel.gridPos;
        assert.ok(x >= 0 && x + w <= 24, `${uid}, ${panel.title}: is beyond the grid`);
        const other = panels.find((each) => each.id !== panel.id && overlap(each, panel));
        assert.equal(other?.title, undefined, `${uid}, ${panel.title}: overlaps`);
        if (panel.type === "row") continue;
        assert.match(panel.description ?? "", /^[A-Z0-9`].*\.$/, `${uid}, ${panel.title}: description`);
        assert.ok(panel.fieldConfig?.defaults.unit, `${uid}, ${panel.title}: unit`);
        assert.equal(panel.datasource?.uid, "${datasource}");
        assert.ok((panel.targets ?? []).length > 0, `${uid}, ${panel.title}: queries`);
        for (const { expr, legendFormat } of panel.targets ?? []) {
          assert.notEqual(legendFormat, "", `${uid}, ${panel.title}: legend`);
          for (const [, label = ""] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
            const known = metricsIn(expr, metrics).flatMap((name) => Object.keys(metrics.get(name)?.labels ?? {}));
            assert.ok([...known, "instance", "service"].includes(label), `${uid}, ${panel.title}: legend ${label}`);
          }
        }
      }
    }
    assert.equal(DASHBOARDS.length, dashboards.length);
  });
});

describe("The rules of Prometheus", () => {
  it("ask only for metrics, labels and values that services export, and so do the examples for operators", async () => {
    // Prometheus itself writes `up`, for each target of a job.
    const up: MetricDeclaration = { name: "up", type: "gauge", help: "", labels: { job: "jobs" } };
    const metrics = new Map([...(await knownMetrics()), ["up", up]]);
    const rules = readFileSync(join(ROOT, "deploy/prometheus/rules.yaml"), "utf8");
    const operations = readFileSync(join(ROOT, "docs/operations.md"), "utf8");
    const exprs = [
      ...[...rules.matchAll(/^ +expr: (".*")$/gm)].map(([, text = ""]): string => JSON.parse(text)),
      ...[...operations.matchAll(/^ +expr: (.*)$/gm)].map(([, text = ""]) => text),
    ];
    assert.ok(exprs.length > 20, `${exprs.length} expressions`);
    assert.deepEqual(
      exprs.flatMap((expr) => faultsOfQuery(expr, metrics)),
      [],
    );
  });
});

describe("The check of queries", () => {
  const metrics = new Map<string, MetricDeclaration>([
    ["a_total", { name: "a_total", type: "counter", help: "", labels: { kind: ["x", "y"], engine: "engines" } }],
    ["b_seconds", { name: "b_seconds", type: "histogram", help: "", labels: {} }],
  ]);
  for (const [query, fault] of [
    ['sum by (kind) (rate(a_total{kind="x"}[5m]))', undefined],
    ['sum by (kind) (rate(a_total{kind=~"x|y",engine="e"}[$__rate_interval])) > 0', undefined],
    ["histogram_quantile(0.9, sum by (le) (rate(b_seconds_bucket[5m])))", undefined],
    ['max(a_total) by (service) and on (kind) a_total{kind!="y"}', undefined],
    ["sum(", /is not PromQL/],
    ["rate(c_total[5m])", /no service has the metric c_total/],
    ["a_total_count", /no service has the metric a_total_count/],
    ['a_total{colour="red"}', /a_total has no label colour/],
    ['a_total{kind="z"}', /its label kind is never z/],
    ['a_total{kind=~"x|z"}', /its label kind is never z/],
    ["sum by (colour) (a_total)", /no metric in it has the label colour/],
    ["sum by (le) (b_seconds_count)", /no metric in it has the label le/],
    ["a_total and on (colour) a_total", /no metric in it has the label colour/],
  ] as const)
    it(`${fault === undefined ? "accepts" : `says "${fault.source}" of`} ${query}`, () => {
      const faults = faultsOfQuery(query, metrics);
      if (fault === undefined) assert.deepEqual(faults, []);
      else assert.match(faults.join("\n"), fault);
    });
});
