import type { Dashboard } from "./dashboard.js";

export const executors: Dashboard = {
  name: "executors",
  title: "CCSP executors and engines",
  description: "What executors do, how runs end, and what they need",
  rows: [
    {
      title: "Executors and their hosts",
      panels: [
        {
          title: "Executors",
          description: "Executors that called the queue recently, by whether they take work.",
          unit: "none",
          queries: [{ expr: "max by (draining) (ccsp_queue_executors)", legend: "draining: {{draining}}" }],
        },
        {
          title: "Busy slots",
          description: "Share of the slots that are in use. At 100 %, more slots or executors would start work sooner.",
          unit: "percentunit",
          thresholds: { orange: 0.8, red: 1 },
          queries: [
            {
              expr: "sum by (engine) (max by (engine, class) (ccsp_queue_running)) / max by (engine) (ccsp_queue_slots)",
              legend: "{{engine}}",
            },
          ],
        },
        {
          title: "Runs of each executor",
          description: "Attempts that an executor holds now.",
          unit: "none",
          stacked: true,
          queries: [{ expr: "sum by (instance, engine) (ccsp_executor_runs)", legend: "{{instance}} {{engine}}" }],
        },
        {
          title: "Work that does not move",
          description:
            "How long work has waited for an engine while no run of it ended. Idle: slots are free; busy: runs do not end; unserved: no executor offers it.",
          unit: "s",
          thresholds: { orange: 300, red: 600 },
          queries: [
            {
              expr: "max by (engine, state) (ccsp_monitor_engine_stalled_seconds)",
              legend: "{{engine}} {{state}}",
            },
          ],
        },
        {
          title: "Lost logins",
          description:
            "1 while the login of an account is lost, so that its tasks wait for a person: `ccsp session list`.",
          unit: "none",
          thresholds: { orange: 1, red: 1 },
          queries: [{ expr: "max by (engine, account) (ccsp_monitor_session_lost)", legend: "{{engine}} {{account}}" }],
        },
        {
          title: "Probes of logins",
          description: "By answer. Refused: the login is lost or about to be. `ccsp session list` shows each.",
          unit: "ops",
          queries: [
            {
              expr: "sum by (answer) (rate(ccsp_monitor_session_probes_total[$__rate_interval]))",
              legend: "{{answer}}",
            },
          ],
        },
        {
          title: "Lost executors",
          description: "Executors that fell silent without a stop. Their tasks went back to the queue.",
          unit: "none",
          thresholds: { orange: 1, red: 1 },
          queries: [{ expr: "max by (executor) (ccsp_monitor_executor_lost)", legend: "{{executor}}" }],
        },
        {
          title: "CPU and memory of the hosts",
          description: "Share of the host that is in use, by its executor.",
          unit: "percentunit",
          thresholds: { orange: 0.8, red: 0.95 },
          queries: [
            { expr: 'max by (instance) (ccsp_monitor_cpu_share{service="executor"})', legend: "{{instance}} CPU" },
            {
              expr: 'max by (instance) (ccsp_monitor_memory_share{service="executor"})',
              legend: "{{instance}} memory",
            },
          ],
        },
      ],
    },
    {
      title: "Runs",
      panels: [
        {
          title: "Ended runs",
          description: "By engine and outcome: SUCCEEDED, a category of failure, RELEASED (given back) or LOST.",
          unit: "ops",
          stacked: true,
          queries: [
            {
              expr: "sum by (engine, outcome) (rate(ccsp_executor_runs_total[$__rate_interval]))",
              legend: "{{engine}} {{outcome}}",
            },
          ],
        },
        {
          title: "Failed share",
          description: "Share of the runs of the last 15 minutes that failed. Limits of the provider do not count.",
          unit: "percentunit",
          thresholds: { orange: 0.1, red: 0.2 },
          queries: [{ expr: "max by (engine) (ccsp_monitor_run_error_share)", legend: "{{engine}}" }],
        },
        {
          title: "How processes end",
          description: "By themselves, by a signal, on request, or at the limit that they passed.",
          unit: "ops",
          queries: [
            {
              expr: "sum by (engine, cause) (rate(ccsp_executor_exits_total[$__rate_interval]))",
              legend: "{{engine}} {{cause}}",
            },
          ],
        },
        {
          title: "Failures without a known cause",
          description: "Runs of the last 15 minutes, as the monitor counts them for its alert.",
          unit: "none",
          thresholds: { orange: 1, red: 3 },
          queries: [{ expr: "max by (engine) (ccsp_monitor_run_unclassified_errors)", legend: "{{engine}}" }],
        },
        {
          title: "What is not understood",
          description:
            "Failures that no rule knows, and lines that were skipped: usually a new version of the engine. The log has samples.",
          unit: "ops",
          queries: [
            {
              expr: "sum by (engine) (rate(ccsp_executor_unknown_failures_total[$__rate_interval]))",
              legend: "{{engine}} failures",
            },
            {
              expr: "sum by (engine) (rate(ccsp_executor_unknown_lines_total[$__rate_interval]))",
              legend: "{{engine}} lines",
            },
          ],
        },
        {
          title: "CPU time of a run, 95th percentile",
          description: "User and system time of all processes of a run.",
          unit: "s",
          queries: [
            {
              expr: "histogram_quantile(0.95, sum by (engine, le) (rate(ccsp_executor_run_cpu_seconds_bucket[$__rate_interval])))",
              legend: "{{engine}}",
            },
          ],
        },
        {
          title: "Memory of a run, 95th percentile",
          description: "Most memory that all processes of a run had at one time.",
          unit: "bytes",
          queries: [
            {
              expr: "histogram_quantile(0.95, sum by (engine, le) (rate(ccsp_executor_run_peak_memory_bytes_bucket[$__rate_interval])))",
              legend: "{{engine}}",
            },
          ],
        },
      ],
    },
    {
      title: "Warm processes and hooks",
      panels: [
        {
          title: "Processes that wait",
          description: "Processes that wait for a run, so that it starts sooner.",
          unit: "none",
          queries: [{ expr: "sum by (engine) (ccsp_executor_warm)", legend: "{{engine}}" }],
        },
        {
          title: "Warm starts",
          description: "Share of the runs that a waiting process served, of those for which one was possible.",
          unit: "percentunit",
          queries: [
            {
              expr: 'sum by (engine) (rate(ccsp_executor_starts_total{how="warm"}[$__rate_interval])) / sum by (engine) (rate(ccsp_executor_starts_total[$__rate_interval]))',
              legend: "{{engine}}",
            },
          ],
        },
        {
          title: "Why processes stop waiting",
          description: "Used, too old, too much memory together, unwanted, died, or off.",
          unit: "ops",
          queries: [
            { expr: "sum by (why) (rate(ccsp_executor_warm_over_total[$__rate_interval]))", legend: "{{why}}" },
          ],
        },
        {
          title: "Calls of hooks that did not succeed",
          description: "By hook and outcome. Dropped: events that the hook was too slow for.",
          unit: "ops",
          queries: [
            {
              expr: 'sum by (hook, outcome) (rate(ccsp_executor_hook_calls_total{outcome!="ok"}[$__rate_interval]))',
              legend: "{{hook}} {{outcome}}",
            },
          ],
        },
        {
          title: "Clock of the executors' hosts",
          description: "How far they are ahead of the queue. Check the time service above 2 s.",
          unit: "s",
          queries: [{ expr: "ccsp_executor_clock_ahead_seconds", legend: "{{instance}}" }],
        },
      ],
    },
  ],
};
