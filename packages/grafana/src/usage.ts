import type { Dashboard } from "./dashboard.js";

export const usage: Dashboard = {
  name: "usage",
  title: "CCSP usage and cost",
  description: "What runs use and what they cost, by engine, account and model. `ccsp usage` knows it by agent too.",
  rows: [
    {
      title: "In 24 hours",
      panels: [
        {
          title: "Cost",
          description: "Known cost of the runs of the last 24 hours. Runs of unknown cost are beside it.",
          unit: "currencyUSD",
          kind: "stat",
          queries: [{ expr: "sum(increase(ccsp_monitor_usage_cost_usd_total[24h]))", legend: "cost" }],
        },
        {
          title: "Runs of unknown cost",
          description: "Unknown is not zero: the real cost is higher than the known one.",
          unit: "short",
          kind: "stat",
          thresholds: { orange: 1, red: 1_000 },
          queries: [{ expr: "sum(increase(ccsp_monitor_usage_unknown_cost_runs_total[24h]))", legend: "runs" }],
        },
        {
          title: "Runs",
          description: "Ended runs of the last 24 hours.",
          unit: "short",
          kind: "stat",
          queries: [{ expr: "sum(increase(ccsp_monitor_usage_runs_total[24h]))", legend: "runs" }],
        },
        {
          title: "Tokens",
          description: "Tokens of all kinds of the last 24 hours.",
          unit: "short",
          kind: "stat",
          queries: [{ expr: "sum(increase(ccsp_monitor_usage_tokens_total[24h]))", legend: "tokens" }],
        },
      ],
    },
    {
      title: "Over time",
      panels: [
        {
          title: "Cost per hour, by model",
          description: "At the rate of the last minutes.",
          unit: "currencyUSD",
          stacked: true,
          queries: [
            {
              expr: "3600 * sum by (model) (rate(ccsp_monitor_usage_cost_usd_total[$__rate_interval]))",
              legend: "{{model}}",
            },
          ],
        },
        {
          title: "Cost per hour, by engine and account",
          description: "At the rate of the last minutes.",
          unit: "currencyUSD",
          stacked: true,
          queries: [
            {
              expr: "3600 * sum by (engine, account) (rate(ccsp_monitor_usage_cost_usd_total[$__rate_interval]))",
              legend: "{{engine}} {{account}}",
            },
          ],
        },
        {
          title: "Tokens, by kind",
          description: "Tokens that are read from the cache cost a tenth of input tokens.",
          unit: "ops",
          stacked: true,
          queries: [
            { expr: "sum by (kind) (rate(ccsp_monitor_usage_tokens_total[$__rate_interval]))", legend: "{{kind}}" },
          ],
        },
        {
          title: "Tokens, by model",
          description: "Tokens of all kinds.",
          unit: "ops",
          stacked: true,
          queries: [
            { expr: "sum by (model) (rate(ccsp_monitor_usage_tokens_total[$__rate_interval]))", legend: "{{model}}" },
          ],
        },
        {
          title: "Runs, by engine and outcome",
          description: "Ended runs.",
          unit: "ops",
          stacked: true,
          queries: [
            {
              expr: "sum by (engine, outcome) (rate(ccsp_monitor_usage_runs_total[$__rate_interval]))",
              legend: "{{engine}} {{outcome}}",
            },
          ],
        },
      ],
    },
    {
      title: "Usage windows and forecast",
      panels: [
        {
          title: "Used share of usage windows",
          description:
            "Of each account, as the engine tells it or as it is estimated. At 100 %, its tasks wait until the window opens.",
          unit: "percentunit",
          thresholds: { orange: 0.8, red: 0.95 },
          queries: [
            {
              expr: "max by (engine, account, window) (ccsp_monitor_usage_window_share)",
              legend: "{{engine}} {{account}} {{window}}",
            },
          ],
        },
        {
          title: "Time until a window is used up",
          description: "As forecast. There is no line while the window is expected to last.",
          unit: "s",
          queries: [
            {
              expr: "min by (engine, account, window) (ccsp_monitor_usage_window_exhausts_seconds)",
              legend: "{{engine}} {{account}} {{window}}",
            },
          ],
        },
      ],
    },
    {
      title: "Budgets",
      panels: [
        {
          title: "Used share of budgets",
          description: "In the present period of each. At 100 %, new work of its holder is refused or waits.",
          unit: "percentunit",
          thresholds: { orange: 0.8, red: 1 },
          queries: [{ expr: "max by (budget) (ccsp_monitor_budget_used_ratio)", legend: "{{budget}}" }],
        },
        {
          title: "Age of the budgets' state",
          description: "The queue enforces what it was told then. Above 5 minutes, check that the monitor runs.",
          unit: "s",
          thresholds: { orange: 60, red: 300 },
          queries: [{ expr: "max(ccsp_monitor_budget_state_age_seconds)", legend: "age" }],
        },
      ],
    },
    {
      title: "The monitor",
      panels: [
        {
          title: "Counted runs",
          description: "Repeat: an event was delivered again, and its run was not counted twice.",
          unit: "ops",
          queries: [
            { expr: "sum by (outcome) (rate(ccsp_monitor_runs_total[$__rate_interval]))", legend: "{{outcome}}" },
          ],
        },
        {
          title: "Deliveries of events",
          description: "Failed ones are delivered again. Parked ones need a person (packages/events/README.md).",
          unit: "ops",
          queries: [
            {
              expr: "sum by (outcome) (rate(ccsp_monitor_event_deliveries_total[$__rate_interval]))",
              legend: "monitor {{outcome}}",
            },
            {
              expr: "sum by (outcome) (rate(ccsp_notification_event_deliveries_total[$__rate_interval]))",
              legend: "notification {{outcome}}",
            },
          ],
        },
        {
          title: "Parked events",
          description: "Events that a service could not handle. `ccsp alerts list` says what to do.",
          unit: "none",
          thresholds: { orange: 1, red: 1 },
          queries: [{ expr: "max by (group) (ccsp_monitor_parked_events)", legend: "{{group}}" }],
        },
        {
          title: "Notifications",
          description: "Deliveries to channels, by outcome.",
          unit: "ops",
          queries: [
            {
              expr: "sum by (channel, outcome) (rate(ccsp_notification_channel_deliveries_total[$__rate_interval]))",
              legend: "{{channel}} {{outcome}}",
            },
          ],
        },
      ],
    },
  ],
};
