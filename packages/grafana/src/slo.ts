import type { Dashboard } from "./dashboard.js";

export const slo: Dashboard = {
  name: "slo",
  title: "CCSP service level objectives",
  description: "Whether CCSP keeps its objectives (`ccsp slo`), and what its calls take",
  rows: [
    {
      title: "Objectives",
      panels: [
        {
          title: "Error budget that is left",
          description: "Share of the error budget of 30 days. Below 0, more was bad than the objective allows.",
          unit: "percentunit",
          thresholds: { orange: 0.25, red: 0, falling: true },
          queries: [{ expr: "min by (slo) (ccsp_monitor_slo_error_budget_left)", legend: "{{slo}}" }],
        },
        {
          title: "Burn rate of the fast alert",
          description: "The lower one of 5 minutes and 1 hour. Above 14.4, a month's error budget is gone in two days.",
          unit: "none",
          thresholds: { orange: 6, red: 14.4 },
          queries: [{ expr: 'max by (slo) (ccsp_monitor_slo_burn_rate{window="fast"})', legend: "{{slo}}" }],
        },
        {
          title: "Burn rate of the slow alert",
          description: "Above 1 for long, the error budget will not last for 30 days.",
          unit: "none",
          thresholds: { orange: 0.8, red: 1 },
          queries: [{ expr: 'max by (slo) (ccsp_monitor_slo_burn_rate{window="slow"})', legend: "{{slo}}" }],
        },
        {
          title: "Burn rate in 5 minutes and 1 hour",
          description: "1 uses the error budget up in exactly 30 days.",
          unit: "none",
          thresholds: { orange: 1, red: 14.4 },
          queries: [
            {
              expr: 'max by (slo, window) (ccsp_monitor_slo_burn_rate{window=~"5m|1h"})',
              legend: "{{slo}} {{window}}",
            },
          ],
        },
        {
          title: "Burn rate in 6 hours and 3 days",
          description: "1 uses the error budget up in exactly 30 days.",
          unit: "none",
          thresholds: { orange: 1, red: 6 },
          queries: [
            {
              expr: 'max by (slo, window) (ccsp_monitor_slo_burn_rate{window=~"6h|3d"})',
              legend: "{{slo}} {{window}}",
            },
          ],
        },
      ],
    },
    {
      title: "Calls of agents and operators",
      panels: [
        {
          title: "Time of a call",
          description:
            "50th, 95th and 99th percentile at the gateway. A stream counts until its end, so watch methods are left out.",
          unit: "s",
          thresholds: { orange: 0.15, red: 0.2 },
          queries: [0.5, 0.95, 0.99].map((quantile) => ({
            expr: `histogram_quantile(${quantile}, sum by (le) (rate(rpc_server_duration_seconds_bucket{service=~"ccsp.gateway.v1.*",method!~".*(Watch|Run|Stream|Export|Follow|Tail).*"}[$__rate_interval])))`,
            legend: `p${quantile * 100}`,
          })),
        },
        {
          title: "Time of a call, by method",
          description: "95th percentile at the gateway.",
          unit: "s",
          queries: [
            {
              expr: 'histogram_quantile(0.95, sum by (method, le) (rate(rpc_server_duration_seconds_bucket{service=~"ccsp.gateway.v1.*"}[$__rate_interval])))',
              legend: "{{method}}",
            },
          ],
        },
        {
          title: "Faults of CCSP",
          description: "Share of the calls that ended with INTERNAL, UNKNOWN, DATA_LOSS or UNAVAILABLE.",
          unit: "percentunit",
          thresholds: { orange: 0.0005, red: 0.001 },
          queries: [
            {
              expr: 'sum(rate(rpc_server_duration_seconds_count{service=~"ccsp.gateway.v1.*",code=~"INTERNAL|UNKNOWN|DATA_LOSS|UNAVAILABLE"}[$__rate_interval])) / sum(rate(rpc_server_duration_seconds_count{service=~"ccsp.gateway.v1.*"}[$__rate_interval]))',
              legend: "faults",
            },
          ],
        },
        {
          title: "Calls between services",
          description: "95th percentile, by the service that is called.",
          unit: "s",
          queries: [
            {
              expr: 'histogram_quantile(0.95, sum by (service, le) (rate(rpc_server_duration_seconds_bucket{service!~"ccsp.gateway.v1.*"}[$__rate_interval])))',
              legend: "{{service}}",
            },
          ],
        },
      ],
    },
  ],
};
