/** A query of Prometheus, and the name of its series in the legend, such as `{{engine}}`. */
export interface Query {
  readonly expr: string;
  readonly legend: string;
}

export interface Panel {
  readonly title: string;
  /** What the panel shows, and what a reader does when it looks bad. */
  readonly description: string;
  /** Unit of Grafana: short, s, bytes, percentunit, currencyUSD, ops (per second), none. */
  readonly unit: "short" | "s" | "bytes" | "percentunit" | "currencyUSD" | "ops" | "none";
  /** `stat` shows the last value as a number. The default shows lines over time. */
  readonly kind?: "timeseries" | "stat";
  /** The values from which it is orange and red. With `falling`, the values below which it is. */
  readonly thresholds?: { readonly orange: number; readonly red: number; readonly falling?: true };
  /** Lines are stacked, so that their sum is readable. */
  readonly stacked?: true;
  readonly queries: readonly Query[];
}

/** A heading with the panels below it. */
export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Dashboard {
  /** Also its address in Grafana: `ccsp-<name>`. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly rows: readonly Row[];
}

/** The grid of Grafana is 24 columns wide. */
const COLUMNS = 24;
const SIZES = { stat: { w: 6, h: 4 }, timeseries: { w: 12, h: 8 } } as const;
const DATASOURCE = { type: "prometheus", uid: "${datasource}" } as const;

/**
 * The dashboard as the JSON that Grafana imports (schema 39, Grafana 10 and later):
 * https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/. Panels stand from left
 * to right below the heading of their row.
 */
export function grafanaJson({ name, title, description, rows }: Dashboard): string {
  const panels: object[] = [];
  let y = 0;
  for (const row of rows) {
    panels.push({
      id: panels.length + 1,
      type: "row",
      title: row.title,
      collapsed: false,
      gridPos: { x: 0, y, w: COLUMNS, h: 1 },
      panels: [],
    });
    y += 1;
    let [x, height] = [0, 0];
    for (const panel of row.panels) {
      const { w, h } = SIZES[panel.kind ?? "timeseries"];
      if (x + w > COLUMNS) [x, y, height] = [0, y + height, 0];
      panels.push(panelJson(panel, panels.length + 1, { x, y, w, h }));
      x += w;
      height = Math.max(height, h);
    }
    y += height;
  }
  const dashboard = {
    uid: `ccsp-${name}`,
    title,
    description,
    tags: ["ccsp"],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    refresh: "30s",
    time: { from: "now-6h", to: "now" },
    timezone: "",
    annotations: { list: [] },
    links: [{ type: "dashboards", title: "CCSP", tags: ["ccsp"], asDropdown: true, includeVars: true, keepTime: true }],
    templating: { list: [{ name: "datasource", type: "datasource", label: "Prometheus", query: "prometheus" }] },
    panels,
  };
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}

function panelJson(panel: Panel, id: number, gridPos: object): object {
  const { title, description, unit, kind = "timeseries", thresholds, stacked, queries } = panel;
  const lines = {
    drawStyle: "line",
    lineWidth: 1,
    fillOpacity: stacked ? 40 : 5,
    showPoints: "never",
    stacking: { mode: stacked ? "normal" : "none", group: "A" },
    thresholdsStyle: { mode: thresholds ? "line" : "off" },
  };
  const shown =
    kind === "stat"
      ? { colorMode: "value", graphMode: "area", reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false } }
      : {
          legend: { displayMode: "list", placement: "bottom", showLegend: true },
          tooltip: { mode: "multi", sort: "desc" },
        };
  return {
    id,
    type: kind,
    title,
    description,
    datasource: DATASOURCE,
    gridPos,
    fieldConfig: {
      defaults: {
        unit,
        min: unit === "percentunit" || thresholds?.falling ? null : 0,
        color: { mode: kind === "stat" ? "thresholds" : "palette-classic" },
        thresholds: { mode: "absolute", steps: stepsOf(thresholds) },
        ...(kind === "timeseries" && { custom: lines }),
      },
      overrides: [],
    },
    options: shown,
    targets: queries.map(({ expr, legend }, at) => ({
      refId: String.fromCharCode("A".charCodeAt(0) + at),
      datasource: DATASOURCE,
      editorMode: "code",
      expr,
      legendFormat: legend,
      range: true,
    })),
  };
}

function stepsOf(thresholds: Panel["thresholds"]): object[] {
  if (thresholds === undefined) return [{ color: "green", value: null }];
  const { orange, red, falling } = thresholds;
  return falling
    ? [
        { color: "red", value: null },
        { color: "orange", value: red },
        { color: "green", value: orange },
      ]
    : [
        { color: "green", value: null },
        { color: "orange", value: orange },
        { color: "red", value: red },
      ];
}
