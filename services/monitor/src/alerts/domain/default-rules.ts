import { type AlertRule, type Condition, DAY_MS, HOUR_MS, KEEP_FIRING_MS, MINUTE_MS, type Severity } from "./rule.js";

/** How Prometheus knows the value of a rule. `docs/alerts.md` says which rules it has. */
export interface PrometheusForm {
  /** PromQL that gives the value. The condition and the threshold follow it. */
  readonly value: string;
  /** The series of the unit test: what they are when all is well, and while the rule should fire. */
  readonly series: readonly {
    readonly series: string;
    /** A counter grows by this a minute; a gauge has this value. */
    readonly calm: number;
    readonly alarm: number | "absent";
    readonly counter?: true;
  }[];
  /** The range that the value looks back. */
  readonly rangeMs?: number;
  /** The labels that the alert has in the unit test. */
  readonly labels: Readonly<Record<string, string>>;
}

/** A rule that CCSP brings. An operator can store another one of its name. */
export interface DefaultRule extends AlertRule {
  /** Undefined: its labels have no closed set of values, or only the monitor knows the value. */
  readonly prometheus: PrometheusForm | undefined;
}

interface Given {
  readonly name: string;
  readonly metric: string;
  /** Labels that the signal must have. */
  readonly of?: Readonly<Record<string, string>>;
  /** Labels that the signal must not have. */
  readonly not?: Readonly<Record<string, string>>;
  readonly when: readonly [condition: Condition, threshold: number];
  readonly fireAfterMs?: number;
  readonly keepFiringMs?: number;
  readonly severity: Severity;
  readonly summary: string;
  readonly whatToDo: string;
  readonly prometheus?: PrometheusForm;
}

/** How long the rates of the error rules look back, here and in Prometheus. */
export const RATE_MS = 15 * MINUTE_MS;

/** How runs end in the metrics of executors that neither failed nor succeeded, or met a limit of the provider. */
const NEITHER = "RELEASED|CANCELLED|RATE_LIMIT|USAGE_WINDOW|OVERLOADED";

const queueAge = (priority: string, seconds: number, severity: Severity, fireAfterMs: number): Given => ({
  name: `queue-age-${priority}`,
  metric: "queue_oldest_wait_seconds",
  of: { class: priority },
  when: [">", seconds],
  fireAfterMs,
  severity,
  summary: `The oldest ${priority} task of {engine} has waited {value}`,
  whatToDo:
    "Run `ccsp queue status` and `ccsp queue list --state queued`, and `ccsp queue explain TASK` for the oldest one. Add slots or executors, or lower the class of what can wait.",
  prometheus: {
    value: `max by (engine, class) (ccsp_queue_oldest_age_seconds{class="${priority}"})`,
    series: [
      {
        series: `ccsp_queue_oldest_age_seconds{engine="claude-code",class="${priority}"}`,
        calm: 0,
        alarm: 2 * seconds,
      },
    ],
    labels: { engine: "claude-code", class: priority },
  },
});

/** The value as the monitor exports it, for rules whose value no other service knows. */
function exported(
  metric: string,
  labels: Readonly<Record<string, string>>,
  calm: number,
  alarm: number,
): PrometheusForm {
  const names = Object.keys(labels).join(", ");
  const values = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  const by = names === "" ? "max" : `max by (${names})`;
  const series = values.length === 0 ? `ccsp_monitor_${metric}` : `ccsp_monitor_${metric}{${values.join(",")}}`;
  return { value: `${by} (ccsp_monitor_${metric})`, series: [{ series, calm, alarm }], labels };
}

function burnRate(window: string, alarm: number): PrometheusForm {
  const form = exported("slo_burn_rate", { slo: "availability", window }, 0, alarm);
  return { ...form, value: `max by (slo, window) (ccsp_monitor_slo_burn_rate{window="${window}"})` };
}

const WINDOW = { engine: "claude-code", account: "team", window: "five_hour" };

const GIVEN: readonly Given[] = [
  {
    name: "usage-80",
    metric: "usage_window_share",
    when: [">=", 0.8],
    keepFiringMs: 15 * MINUTE_MS,
    severity: "warning",
    summary: "{value} of the {window} window of {engine}/{account} is used",
    whatToDo:
      "Run `ccsp usage --by agent --since 5h` to see who uses it. Lower the class of what can wait, or set a budget. Tasks are not lost when the window is full: they wait until it opens.",
    prometheus: exported("usage_window_share", WINDOW, 0.2, 0.9),
  },
  {
    name: "usage-95",
    metric: "usage_window_share",
    when: [">=", 0.95],
    keepFiringMs: 15 * MINUTE_MS,
    severity: "critical",
    summary: "{value} of the {window} window of {engine}/{account} is used: its tasks will soon wait",
    whatToDo:
      "Pause what can wait (`ccsp pause class/low --why ...`), or add an account. The tasks of this account wait from 100 % until the window opens.",
    prometheus: exported("usage_window_share", WINDOW, 0.2, 0.99),
  },
  {
    name: "budget-80",
    metric: "budget_used_ratio",
    when: [">=", 0.8],
    severity: "warning",
    summary: "{value} of the budget {budget} is used",
    whatToDo: "Run `ccsp budget list`. Talk to its holder, or raise the budget, before it is used up.",
    prometheus: exported("budget_used_ratio", { budget: "team" }, 0.2, 0.9),
  },
  {
    name: "budget-spent",
    metric: "budget_used_ratio",
    when: [">=", 1],
    severity: "critical",
    summary: "The budget {budget} is used up: {value}",
    whatToDo: "New work of its holder is refused or waits until the period turns. Raise the budget if it must not.",
    prometheus: exported("budget_used_ratio", { budget: "team" }, 0.2, 1.1),
  },
  {
    name: "budget-state-stale",
    metric: "budget_state_age_seconds",
    when: [">", 300],
    // A replica that begins to lead has not spoken to the queue yet.
    fireAfterMs: MINUTE_MS,
    severity: "critical",
    summary: "The state of the budgets is {value} old: the queue enforces what was known then",
    whatToDo: "Check that the monitor runs and reads events: `ccsp status`, and its log.",
    // The queue knows it also while no monitor runs.
    prometheus: {
      value: "max (ccsp_queue_budget_state_age_seconds)",
      series: [{ series: 'ccsp_queue_budget_state_age_seconds{service="queue"}', calm: 5, alarm: 900 }],
      labels: {},
    },
  },
  {
    name: "error-rate",
    metric: "run_error_share",
    when: [">", 0.2],
    fireAfterMs: 5 * MINUTE_MS,
    severity: "warning",
    summary: "{value} of the runs of {engine} failed in the last 15 minutes",
    whatToDo:
      "Run `ccsp queue list --state failed` and `ccsp queue log TASK`. `ccsp retry --error CATEGORY` puts failed tasks back when the cause is gone.",
    prometheus: {
      value: `sum by (engine) (increase(ccsp_executor_runs_total{outcome!~"SUCCEEDED|${NEITHER}"}[15m])) / (sum by (engine) (increase(ccsp_executor_runs_total{outcome!~"${NEITHER}"}[15m])) >= 20)`,
      series: [
        {
          series: 'ccsp_executor_runs_total{engine="claude-code",outcome="ENGINE_CRASH"}',
          calm: 0,
          alarm: 20,
          counter: true,
        },
        {
          series: 'ccsp_executor_runs_total{engine="claude-code",outcome="SUCCEEDED"}',
          calm: 10,
          alarm: 10,
          counter: true,
        },
        {
          series: 'ccsp_executor_runs_total{engine="codex",outcome="USAGE_WINDOW"}',
          calm: 9,
          alarm: 90,
          counter: true,
        },
      ],
      rangeMs: RATE_MS,
      labels: { engine: "claude-code" },
    },
  },
  queueAge("urgent", 60, "critical", MINUTE_MS),
  queueAge("high", 300, "warning", 2 * MINUTE_MS),
  queueAge("normal", 1_800, "warning", 5 * MINUTE_MS),
  queueAge("low", 14_400, "info", 5 * MINUTE_MS),
  {
    name: "unclassified-errors",
    metric: "run_unclassified_errors",
    when: [">=", 3],
    severity: "warning",
    summary: "{value} runs of {engine} failed in the last 15 minutes for a reason that CCSP does not know",
    whatToDo:
      "Run `ccsp queue list --state failed` and `ccsp queue log TASK` to see what the engine said. A new version of the engine may word an error differently: report it, so that CCSP learns it.",
    prometheus: {
      value: "sum by (engine) (increase(ccsp_executor_unknown_failures_total[15m]))",
      series: [
        { series: 'ccsp_executor_unknown_failures_total{engine="claude-code"}', calm: 0, alarm: 2, counter: true },
      ],
      rangeMs: RATE_MS,
      labels: { engine: "claude-code" },
    },
  },
  {
    name: "engine-frozen",
    metric: "engine_stalled_seconds",
    of: { state: "idle" },
    when: [">", 600],
    fireAfterMs: MINUTE_MS,
    severity: "critical",
    summary: "Work waits for {engine}, slots are free, and nothing has started for {value}",
    whatToDo: "Run `ccsp executor list` and `ccsp queue explain TASK`, and read the log of the executor.",
    prometheus: {
      value:
        "(max by (engine) (max by (engine, class) (ccsp_queue_oldest_age_seconds))) and on (engine) (sum by (engine) (max by (engine, class) (ccsp_queue_running)) == 0) and on (engine) (max by (engine) (ccsp_queue_slots) > 0)",
      series: [
        { series: 'ccsp_queue_oldest_age_seconds{engine="claude-code",class="normal"}', calm: 0, alarm: 900 },
        { series: 'ccsp_queue_running{engine="claude-code",class="normal"}', calm: 1, alarm: 0 },
        { series: 'ccsp_queue_slots{engine="claude-code"}', calm: 4, alarm: 4 },
      ],
      labels: { engine: "claude-code" },
    },
  },
  {
    name: "engine-blocked",
    metric: "engine_stalled_seconds",
    of: { state: "busy" },
    when: [">", 3_600],
    fireAfterMs: MINUTE_MS,
    severity: "warning",
    summary: "Work waits for {engine}, and none of its runs has ended for {value}",
    whatToDo: "Run `ccsp executor runs` and `ccsp executor tail TASK`. Cancel runs that hang, or add slots.",
  },
  {
    name: "engine-unserved",
    metric: "engine_stalled_seconds",
    of: { state: "unserved" },
    when: [">", 120],
    severity: "critical",
    summary: "Work has waited for {engine} for {value}, and no executor offers it",
    whatToDo: "Start an executor with this engine. `ccsp executor list` shows those that run, and which of them drain.",
    prometheus: {
      value:
        "(max by (engine) (max by (engine, class) (ccsp_queue_oldest_age_seconds))) and on (engine) (max by (engine) (ccsp_queue_slots) == 0)",
      series: [
        { series: 'ccsp_queue_oldest_age_seconds{engine="claude-code",class="normal"}', calm: 0, alarm: 300 },
        { series: 'ccsp_queue_slots{engine="claude-code"}', calm: 4, alarm: 0 },
      ],
      labels: { engine: "claude-code" },
    },
  },
  {
    name: "executor-lost",
    metric: "executor_lost",
    when: [">=", 1],
    severity: "critical",
    summary: "The executor {executor} has vanished without a stop",
    whatToDo:
      "Check its host and its log. Its tasks went back to the queue and lose nothing. Start it again, or drain it before you stop it.",
    prometheus: exported("executor_lost", { executor: "executor-1" }, 0, 1),
  },
  {
    name: "instance-late",
    metric: "instance_late",
    // `executor-lost` reports executors.
    not: { service: "executor" },
    when: [">=", 1],
    fireAfterMs: MINUTE_MS,
    severity: "warning",
    summary: "The {service} {instance} no longer reports",
    whatToDo:
      "Check whether the process runs, whether its event loop turns (`/health`), and whether it reaches the monitor.",
    prometheus: {
      ...exported("instance_late", { service: "queue", instance: "queue-1" }, 0, 1),
      value: 'max by (service, instance) (ccsp_monitor_instance_late{service!="executor"})',
    },
  },
  {
    name: "instance-crashed",
    metric: "instance_crashes",
    when: [">=", 1],
    severity: "warning",
    summary: "The {service} {instance} has ended {value} times in 15 minutes without a stop, and runs again",
    whatToDo:
      "Read its log from before its start, and what its host says: `journalctl -u ccsp-*`, `dmesg` (out of memory). Nothing that was accepted is lost.",
    prometheus: exported("instance_crashes", { service: "queue", instance: "queue-1" }, 0, 2),
  },
  {
    name: "runaway-task",
    metric: "task_run_time_multiple",
    when: [">", 3],
    fireAfterMs: MINUTE_MS,
    severity: "warning",
    summary: "Task {task} of {agent} has run {value} times as long as 95 % of the runs of {engine}",
    whatToDo: "Run `ccsp executor tail TASK` to see what it does, and `ccsp queue cancel TASK` to stop it.",
  },
  {
    name: "parked-events",
    metric: "parked_events",
    when: [">", 0],
    severity: "warning",
    summary: "{value} events that {group} could not handle are parked",
    whatToDo:
      "Read the log of the service for `event parked`: it names the event and the fault. packages/events/README.md (Poison) says how to deliver them again.",
    prometheus: exported("parked_events", { group: "notification" }, 0, 2),
  },
  {
    name: "certificate-expiry",
    metric: "certificate_expires_seconds",
    when: ["<", 7 * (DAY_MS / 1_000)],
    // A restart takes its signal away for some time, and is not a new incident.
    keepFiringMs: 15 * MINUTE_MS,
    severity: "critical",
    summary: "The certificate of the {service} {instance} expires in {value}",
    whatToDo:
      "Run `ccsp certs init` where the certificates are made: it renews what is due. Put the new files into place (docs/security.md).",
    prometheus: exported("certificate_expires_seconds", { service: "queue", instance: "queue-1" }, 5_000_000, 86_400),
  },
  {
    name: "disk-full",
    metric: "disk_free_share",
    when: ["<", 0.1],
    fireAfterMs: 2 * MINUTE_MS,
    severity: "critical",
    summary: "Only {value} of the disk of the {service} {instance} is free",
    whatToDo:
      "Delete what is not needed: old logs, working folders of tasks, and core files. A full disk stops Redis and runs.",
    prometheus: exported("disk_free_share", { service: "executor", instance: "executor-1" }, 0.5, 0.02),
  },
  {
    name: "slo-fast-burn",
    metric: "slo_burn_rate",
    of: { window: "fast" },
    when: [">", 14.4],
    keepFiringMs: 15 * MINUTE_MS,
    severity: "critical",
    summary:
      "The error budget of {slo} burns {value} times as fast as it may: at 14.4 times, a month's budget is gone in two days",
    whatToDo: "Run `ccsp slo`, then look at what fails now: `ccsp status`, and the logs of the services.",
    prometheus: burnRate("fast", 20),
  },
  {
    name: "slo-slow-burn",
    metric: "slo_burn_rate",
    of: { window: "slow" },
    when: [">", 1],
    fireAfterMs: HOUR_MS,
    keepFiringMs: HOUR_MS,
    severity: "warning",
    summary:
      "The error budget of {slo} burns at {value} times the rate of this alert (6 over 6 hours, or 1 over 3 days): it will not last for the period",
    whatToDo: "Run `ccsp slo`, and look for the cause in the next days. Nobody has to get up for it.",
    prometheus: burnRate("slow", 2),
  },
];

const SERVICES = ["gateway", "queue", "executor", "monitor", "notification"];

/** Every instance of a service has this metric, from its start on. */
const OF_EACH = "ccsp_log_lines_dropped_total";
const absent = (service: string): string => `absent(${OF_EACH}{service="${service}"})`;
/** While `executor-lost` reports a dead executor, no other rule does, unless the monitor is away too. */
const EXECUTOR_LOST = "(max(ccsp_monitor_executor_lost) >= 1)";

/**
 * What only Prometheus can see, also while no monitor runs: the monitor judges neither itself nor a service that never
 * reported to it.
 */
const ONLY_PROMETHEUS: readonly Given[] = [
  // The monitor itself sends `session.timeout` for a lost login.
  {
    name: "session-lost",
    metric: "session_lost",
    when: [">=", 1],
    severity: "critical",
    summary: "The login {engine}/{account} is lost: its tasks wait for a person",
    whatToDo:
      "Log in on a host of this account's executors, then run `ccsp session confirm ENGINE/ACCOUNT`. `ccsp session list` says what the provider answered.",
    prometheus: exported("session_lost", { engine: "claude-code", account: "team" }, 0, 1),
  },
  {
    name: "service-absent",
    metric: "",
    when: [">=", 1],
    fireAfterMs: 2 * MINUTE_MS,
    severity: "critical",
    summary: "No {service} of CCSP answers Prometheus",
    whatToDo:
      "Start the service, or look why it does not answer: `ccsp status`, its log, and the page of targets of Prometheus. Without the monitor, people get no other alert.",
    prometheus: {
      value: SERVICES.map((service) =>
        service === "executor" ? `(${absent(service)} unless on () ${EXECUTOR_LOST})` : absent(service),
      ).join(" or "),
      series: SERVICES.map((service) => ({
        series: `${OF_EACH}{service="${service}"}`,
        calm: 0,
        alarm: service === "monitor" ? "absent" : 0,
      })),
      labels: { service: "monitor" },
    },
  },
  {
    name: "service-down",
    metric: "",
    when: ["<", 1],
    fireAfterMs: 2 * MINUTE_MS,
    severity: "warning",
    summary: "{instance}, an instance of CCSP, does not answer Prometheus",
    whatToDo:
      "Look whether its process runs and whether its ops port answers (`/health`). If it was removed on purpose, take it out of the targets of Prometheus.",
    prometheus: {
      // A target does not say which service it is, so its metrics of the last day say it.
      value: `up{job="ccsp"} unless on (job, instance) (last_over_time(${OF_EACH}{job="ccsp",service="executor"}[1d]) and on () ${EXECUTOR_LOST})`,
      series: [{ series: 'up{job="ccsp",instance="127.0.0.1:9003"}', calm: 1, alarm: 0 }],
      labels: { instance: "127.0.0.1:9003" },
    },
  },
];

const rulesOf = (given: readonly Given[]): DefaultRule[] =>
  given
    .map(
      ({
        of = {},
        not = {},
        when: [condition, threshold],
        fireAfterMs = 0,
        keepFiringMs = KEEP_FIRING_MS,
        prometheus,
        ...rule
      }) => ({
        ...rule,
        matchers: [of, not].flatMap((labels, at) =>
          Object.entries(labels).map(([label, value]) => ({ label, value, negated: at === 1 })),
        ),
        condition,
        threshold,
        fireAfterMs,
        keepFiringMs,
        labels: {},
        channels: [],
        disabled: false,
        prometheus,
      }),
    )
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));

/** The rules that CCSP brings, by name. */
export const DEFAULT_RULES: readonly DefaultRule[] = rulesOf(GIVEN);

/** The rules that only Prometheus has, by name. */
export const PROMETHEUS_ONLY_RULES: readonly DefaultRule[] = rulesOf(ONLY_PROMETHEUS);
