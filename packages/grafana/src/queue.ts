import type { Dashboard } from "./dashboard.js";

export const queue: Dashboard = {
  name: "queue",
  title: "CCSP queue",
  description: "What waits, for how long, and why",
  rows: [
    {
      title: "Waiting",
      panels: [
        {
          title: "Tasks that wait",
          description: "By engine and class. More slots or executors shorten the queue.",
          unit: "short",
          stacked: true,
          queries: [{ expr: "max by (engine, class) (ccsp_queue_waiting)", legend: "{{engine}} {{class}}" }],
        },
        {
          title: "Age of the oldest task",
          description:
            "The lines without an engine are the start targets of the classes. `ccsp queue explain` says why a task waits.",
          unit: "s",
          queries: [
            { expr: "max by (engine, class) (ccsp_queue_oldest_age_seconds)", legend: "{{engine}} {{class}}" },
            { expr: "max by (class) (ccsp_queue_start_target_seconds)", legend: "target of {{class}}" },
          ],
        },
        {
          title: "Age of the oldest task that no pause holds",
          description: "The monitor's alerts compare this age.",
          unit: "s",
          queries: [
            {
              expr: "max by (engine, class) (ccsp_monitor_queue_oldest_wait_seconds)",
              legend: "{{engine}} {{class}}",
            },
          ],
        },
        {
          title: "Time until a lease, 95th percentile",
          description: "Of the leases of the last minutes, by class. It includes parking and earlier attempts.",
          unit: "s",
          queries: [
            {
              expr: "histogram_quantile(0.95, sum by (class, le) (rate(ccsp_queue_wait_seconds_bucket[$__rate_interval])))",
              legend: "{{class}}",
            },
          ],
        },
        {
          title: "Starts in time",
          description:
            "Share of the tasks that got their first lease within the start target of their class, in an hour.",
          unit: "percentunit",
          thresholds: { orange: 0.99, red: 0.95, falling: true },
          queries: [
            {
              expr: 'sum by (class) (rate(ccsp_queue_first_leases_total{in_time="true"}[1h])) / sum by (class) (rate(ccsp_queue_first_leases_total[1h]))',
              legend: "{{class}}",
            },
          ],
        },
        {
          title: "Parked and scheduled",
          description: "Tasks that wait to be tried again, and tasks that wait for their start time.",
          unit: "short",
          queries: [
            { expr: "max(ccsp_queue_parked)", legend: "parked" },
            { expr: "max(ccsp_queue_scheduled)", legend: "scheduled" },
          ],
        },
        {
          title: "Closed gates",
          description: "What is paused, by what it stops. `ccsp queue status` names each gate, with its reason.",
          unit: "none",
          queries: [{ expr: "max by (scope) (ccsp_queue_gates_closed)", legend: "{{scope}}" }],
        },
      ],
    },
    {
      title: "Failures",
      panels: [
        {
          title: "Failed runs",
          description: "By category of the failure. docs/troubleshooting.md says what each category means.",
          unit: "ops",
          stacked: true,
          queries: [
            { expr: "sum by (category) (rate(ccsp_queue_failures_total[$__rate_interval]))", legend: "{{category}}" },
          ],
        },
        {
          title: "Runs that are tried again",
          description: "Share of the failed runs.",
          unit: "percentunit",
          queries: [
            {
              expr: 'sum(rate(ccsp_queue_failures_total{retried="true"}[$__rate_interval])) / sum(rate(ccsp_queue_failures_total[$__rate_interval]))',
              legend: "tried again",
            },
          ],
        },
        {
          title: "Lost leases",
          description:
            "Leases that no executor renewed, and leases lost before their run had started. Look at the executors' hosts.",
          unit: "ops",
          queries: [
            { expr: "sum(rate(ccsp_queue_leases_expired_total[$__rate_interval]))", legend: "expired" },
            { expr: "sum(rate(ccsp_queue_deliveries_lost_total[$__rate_interval]))", legend: "lost before the start" },
          ],
        },
        {
          title: "Refused tasks",
          description: "By reason, and those that a replica refused because it was overloaded.",
          unit: "ops",
          queries: [
            { expr: "sum by (reason) (rate(ccsp_queue_tasks_refused_total[$__rate_interval]))", legend: "{{reason}}" },
            { expr: "sum(rate(ccsp_queue_overloaded_total[$__rate_interval]))", legend: "overloaded" },
          ],
        },
      ],
    },
    {
      title: "Storage, cache and schedules",
      panels: [
        {
          title: "Memory of Redis",
          description:
            "Share of maxmemory, of the fullest node. New tasks are refused above 0.9; 0: there is no maxmemory.",
          unit: "percentunit",
          thresholds: { orange: 0.8, red: 0.9 },
          queries: [{ expr: "max(ccsp_queue_memory_used_ratio)", legend: "used" }],
        },
        {
          title: "Stored tasks",
          description: "Bytes of tasks that have not started.",
          unit: "bytes",
          queries: [{ expr: "max(ccsp_queue_waiting_bytes)", legend: "waiting" }],
        },
        {
          title: "Ended tasks that are kept",
          description: "They are deleted after the retention time, or when they need too much memory.",
          unit: "short",
          queries: [{ expr: "max(ccsp_queue_ended)", legend: "ended" }],
        },
        {
          title: "Result cache",
          description: "Share of the look-ups that had an answer, by level.",
          unit: "percentunit",
          queries: [
            {
              expr: 'sum by (level) (rate(ccsp_queue_cache_lookups_total{outcome="hit"}[$__rate_interval])) / sum by (level) (rate(ccsp_queue_cache_lookups_total[$__rate_interval]))',
              legend: "{{level}}",
            },
          ],
        },
        {
          title: "Writes of the result cache",
          description: "By outcome. Full: the answer was too large, or there was no room.",
          unit: "ops",
          queries: [
            {
              expr: "sum by (level, outcome) (rate(ccsp_queue_cache_writes_total[$__rate_interval]))",
              legend: "{{level}} {{outcome}}",
            },
          ],
        },
        {
          title: "Runs of schedules",
          description: "Refused ones are tried again. `ccsp schedule list` shows the last fault of each.",
          unit: "ops",
          queries: [
            {
              expr: "sum by (outcome) (rate(ccsp_queue_schedule_runs_total[$__rate_interval]))",
              legend: "{{outcome}}",
            },
          ],
        },
        {
          title: "Clock of the queue's hosts",
          description: "How far they are ahead of Redis. Check the time service above 2 s.",
          unit: "s",
          queries: [{ expr: "ccsp_queue_clock_ahead_seconds", legend: "{{instance}}" }],
        },
      ],
    },
  ],
};
