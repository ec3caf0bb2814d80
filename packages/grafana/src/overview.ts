import type { Dashboard } from "./dashboard.js";

export const overview: Dashboard = {
  name: "overview",
  title: "CCSP overview",
  description: "Whether CCSP works, and where to look when it does not",
  rows: [
    {
      title: "Now",
      panels: [
        {
          title: "Firing alerts",
          description: "Alerts of the monitor that fire. `ccsp alerts list` says which, and what to do.",
          unit: "none",
          kind: "stat",
          thresholds: { orange: 1, red: 3 },
          queries: [{ expr: 'sum(max by (rule) (ccsp_monitor_alerts{state="firing"}))', legend: "firing" }],
        },
        {
          title: "Emergency stop",
          description: "Level of the emergency stop in force; 0: there is none. `ccsp queue status` says who and why.",
          unit: "none",
          kind: "stat",
          thresholds: { orange: 1, red: 2 },
          queries: [{ expr: "max(ccsp_queue_emergency_level)", legend: "level" }],
        },
        {
          title: "Tasks that wait",
          description: "Tasks that wait for an executor, of all engines and classes.",
          unit: "short",
          kind: "stat",
          queries: [{ expr: "sum(max by (engine, class) (ccsp_queue_waiting))", legend: "waiting" }],
        },
        {
          title: "Tasks that run",
          description: "Tasks that executors hold.",
          unit: "short",
          kind: "stat",
          queries: [{ expr: "sum(max by (engine, class) (ccsp_queue_running))", legend: "running" }],
        },
      ],
    },
    {
      title: "Work",
      panels: [
        {
          title: "Accepted tasks",
          description: "Tasks that the queue stored, by class.",
          unit: "ops",
          stacked: true,
          queries: [
            {
              expr: "sum by (class) (rate(ccsp_queue_tasks_accepted_total[$__rate_interval]))",
              legend: "{{class}}",
            },
          ],
        },
        {
          title: "Ended tasks",
          description: "Tasks that ended, by the state in which they did.",
          unit: "ops",
          stacked: true,
          queries: [
            { expr: "sum by (state) (rate(ccsp_queue_tasks_ended_total[$__rate_interval]))", legend: "{{state}}" },
          ],
        },
        {
          title: "Calls of agents and operators",
          description: "Calls that the gateway served, by the code of the answer.",
          unit: "ops",
          stacked: true,
          queries: [
            {
              expr: 'sum by (code) (rate(rpc_server_duration_seconds_count{service=~"ccsp.gateway.v1.*"}[$__rate_interval]))',
              legend: "{{code}}",
            },
          ],
        },
        {
          title: "Refused tasks and calls",
          description: "By reason. docs/troubleshooting.md says what each reason means and what to do.",
          unit: "ops",
          queries: [
            {
              expr: "sum by (reason) (rate(ccsp_queue_tasks_refused_total[$__rate_interval])) > 0",
              legend: "queue {{reason}}",
            },
            {
              expr: "sum by (reason) (rate(ccsp_gateway_denied_total[$__rate_interval])) > 0",
              legend: "gateway {{reason}}",
            },
            {
              expr: "sum by (limit) (rate(rpc_server_refused_total[$__rate_interval])) > 0",
              legend: "limit {{limit}}",
            },
          ],
        },
      ],
    },
    {
      title: "Services",
      panels: [
        {
          title: "Dependencies",
          description:
            "1 if the service reached the dependency at the last scrape. 0: see /health?verbose of the service.",
          unit: "none",
          thresholds: { orange: 1, red: 1, falling: true },
          queries: [
            { expr: "min by (service, dependency) (ccsp_dependency_up)", legend: "{{service}} to {{dependency}}" },
          ],
        },
        {
          title: "Late instances",
          description: "Instances that have sent no heartbeat to the monitor for 45 s.",
          unit: "none",
          thresholds: { orange: 1, red: 2 },
          queries: [
            {
              expr: "sum by (service) (max by (service, instance) (ccsp_monitor_instance_late))",
              legend: "{{service}}",
            },
          ],
        },
        {
          title: "CPU of processes",
          description: "Processors that each process uses. 1 is all that the main thread of a service can use.",
          unit: "none",
          queries: [
            {
              expr: "sum by (service, instance) (rate(process_cpu_seconds_total[$__rate_interval]))",
              legend: "{{service}} {{instance}}",
            },
          ],
        },
        {
          title: "Memory of processes",
          description: "Resident memory. A service should stay below 500 MB.",
          unit: "bytes",
          thresholds: { orange: 400e6, red: 500e6 },
          queries: [
            { expr: "max by (service, instance) (process_resident_memory_bytes)", legend: "{{service}} {{instance}}" },
          ],
        },
        {
          title: "Delay of the event loop",
          description: "99th percentile. Above 0.1 s, a process has more work than one processor can do.",
          unit: "s",
          thresholds: { orange: 0.05, red: 0.1 },
          queries: [
            {
              expr: "max by (service, instance) (nodejs_eventloop_lag_p99_seconds)",
              legend: "{{service}} {{instance}}",
            },
          ],
        },
        {
          title: "Lost log lines",
          description: "Lines that were not written, as on a full disk.",
          unit: "ops",
          queries: [
            {
              expr: "sum by (service) (rate(ccsp_log_lines_dropped_total[$__rate_interval]))",
              legend: "{{service}} dropped",
            },
            {
              expr: "sum by (service) (rate(ccsp_log_write_failures_total[$__rate_interval]))",
              legend: "{{service}} failures",
            },
          ],
        },
        {
          title: "Free disk",
          description: "Share of the disk that is free where an instance stores its files. A full disk stops runs.",
          unit: "percentunit",
          thresholds: { orange: 0.2, red: 0.1, falling: true },
          queries: [
            { expr: "min by (service, instance) (ccsp_monitor_disk_free_share)", legend: "{{service}} {{instance}}" },
          ],
        },
        {
          title: "Certificates",
          description: "Time until the first certificate of an instance expires. Renew with `ccsp certs init`.",
          unit: "s",
          thresholds: { orange: 30 * 86_400, red: 7 * 86_400, falling: true },
          queries: [{ expr: "min by (service) (ccsp_monitor_certificate_expires_seconds)", legend: "{{service}}" }],
        },
      ],
    },
  ],
};
