/**
 * The values of each option and argument of `ccsp`, for `every-option.test.ts`. A key is how the option is declared, or
 * how an argument is written in help. Before it may stand the command, when the option of that command differs from the
 * option of the same name in others.
 */
export interface Values {
  /** A value that is accepted. Absent for an option that takes none. */
  readonly right?: string;
  /** What the command gets for it. Absent: the text as it is; for an option without a value, true. */
  readonly gives?: unknown;
  /** A value that is refused, and the part of the message that says the right form. */
  readonly wrong?: readonly [value: string, form: string];
  /** Why no value is refused by the command itself. Either this or `wrong` has to be here. */
  readonly any?: string;
}

const FLAG: Values = { any: "it takes no value" };
const TEXT: Values = { right: "some text", any: "any text" };
const PATH: Values = { right: "/some/path", any: "its file is read later; other tests have wrong ones" };
const TARGET: Values = { right: "dns:///gateway:3000", any: "what gRPC can reach; a wrong one does not answer" };
const ID: Values = { right: "some-id", any: "another id is one that is not found" };

const AGENT: Values = {
  right: "ci@example.com",
  wrong: ["a/b", "It is not an agent id: 1 to 128 of A-Z a-z 0-9 . _ @ -."],
};

const TIME_FORM = "Write it as 90s, 10m, 2h or 7d.";
const DURATION: Values = { right: "2h", gives: 7_200_000, wrong: ["90", TIME_FORM] };
const DATE = { right: "2026-01-31T09:00Z", gives: new Date("2026-01-31T09:00Z") };
const AGO: Values = { ...DATE, wrong: ["yesterday", "Write it as 2026-01-31T09:00Z, or as 2h for two hours ago."] };
const AHEAD: Values = { ...DATE, wrong: ["soon", "Write it as 2026-01-31T09:00Z, or as 2h for in two hours."] };
const count = (min: number): Values => ({
  right: "3",
  gives: 3,
  wrong: ["1.5", `It is not a whole number from ${min}.`],
});
const TOOL_FORM = "Write tools as Read or Bash(git log:*), with commas between them.";
const TOOLS: Values = {
  right: "Edit, Bash(git log:*, git show:*)",
  gives: ["Edit", "Bash(git log:*, git show:*)"],
  wrong: ["Read Edit", TOOL_FORM],
};
const TOOL_NAMES: Values = {
  right: "Read,Grep",
  gives: ["Read", "Grep"],
  wrong: ["Bash(ls:*)", "Write names only, such as Read,Bash; --allow-tools and --deny-tools take rules."],
};
const EMPTY: NonNullable<Values["wrong"]> = ["", "It is empty: leave the option out for the default."];
const CLASSES = "urgent, high, normal, low";
const REPEATED_CLASS: Values = { right: "low", gives: ["low"], wrong: ["soon", `It must be one of ${CLASSES}.`] };

export const VALUES: Readonly<Record<string, Values>> = {
  "--service <name...>": {
    right: "queue",
    gives: ["queue"],
    wrong: ["frontend", "It must be one of gateway, queue, executor, monitor, notification."],
  },
  "--ops <host:port...>": {
    right: "queue:9001",
    gives: [{ host: "queue", port: 9001 }],
    wrong: ["queue", "Write it as host:port, such as queue:9001."],
  },
  "--json": FLAG,
  "-o, --output <format>": { right: "json", wrong: ["xml", "It must be one of table, "] },
  "-q, --quiet": FLAG,
  "--all": FLAG,

  "notify list --state <state>": {
    right: "given-up",
    wrong: ["lost", "Allowed choices are delivered, waiting, given-up."],
  },
  "notify list --channel <name>": ID,
  "notify list --event <type>": { right: "task.failed", any: "another type is one that nothing has" },
  "notify list --limit <number>": count(1),
  "notify get <notification>": ID,
  "notify retry --channel <name>": ID,
  "notify retry [notification]": ID,
  "notify test <channel>": ID,
  "notify preview <path>": PATH,
  "doctor --wait <time>": DURATION,
  "notify preview --at <time>": { ...DATE, wrong: ["soon", "Write it as 2026-01-31T09:00Z"] },

  "--single": FLAG,
  "--no-traces": { gives: false, any: "it takes no value" },
  "--detach": FLAG,
  "--simulator": FLAG,
  "--in-process": FLAG,
  "--background": FLAG,
  "--replicas <service=number...>": {
    right: "executor=2",
    gives: { executor: 2 },
    wrong: ["web=2", "Write it as service=number, 1 to 20, with a service of gateway"],
  },
  "--ports <which>": { right: "free", wrong: ["some", "Allowed choices are default, free."] },
  "--login-home <folder>": PATH,
  "--key-file <path>": PATH,
  "--allow-folder <folder>": { right: "/some/path", gives: ["/some/path"], any: "other tests have wrong ones" },
  "--force": FLAG,
  "logs --level <level>": {
    right: "warn",
    wrong: ["loud", "Allowed choices are trace, debug, info, warn, error, fatal."],
  },
  "-f, --follow": FLAG,
  "-n, --lines <number>": count(0),
  "[service]": TEXT,
  "[folder]": PATH,
  "<shell>": { right: "fish", wrong: ["powershell", "Allowed choices are bash, zsh, fish."] },

  "--url <url>": {
    right: "https://ccsp.example",
    any: "the command checks it when it runs; open.test.ts has wrong ones",
  },
  "--print": FLAG,
  "--oidc-issuer <url>": TEXT,
  "--client-id <id>": ID,
  "--oidc-ca-file <path>": PATH,
  "--scopes <names>": TEXT,
  "--gateway <target>": TARGET,
  "--token-file <path>": PATH,
  "--token <->": TEXT,
  "--ca-file <path>": PATH,
  "--direct": FLAG,
  "--queue <target>": TARGET,
  "--operator-cert-dir <folder>": PATH,

  "[prompt]": TEXT,
  "--prompt-file <path>": PATH,
  "--attach <path>": { right: "/some/path", gives: ["/some/path"], wrong: EMPTY },
  "--include <path>": { right: "/some/../path", gives: ["/path"], wrong: EMPTY },
  "--working-folder <path>": { right: "/some/path/.", gives: "/some/path", wrong: EMPTY },
  "--system-prompt <text>": TEXT,
  "--conversation <id>": { right: "some-id", wrong: EMPTY },
  "--fork": FLAG,
  "--engine <name>": TEXT,
  "--model <name>": TEXT,
  "--fallback-model <name>": { right: "m", gives: ["m"], wrong: EMPTY },
  "--tools <name,...>": TOOL_NAMES,
  "--available-tool <name>": TOOL_NAMES,
  "--allow-tools <tool,...>": TOOLS,
  "--allowed-tool <tool>": TOOLS,
  "--deny-tools <tool,...>": TOOLS,
  "--denied-tool <tool>": TOOLS,
  "--permission-mode <mode>": {
    right: "accept-edits",
    wrong: ["ask", "Allowed choices are plan, default, manual, accept-edits, skip."],
  },
  "--timeout <time>": { ...DURATION, wrong: ["0s", "It is 0: leave the option out for the default."] },
  "--turns <number>": count(1),
  "--budget <usd>": {
    right: "0.5",
    gives: 0.5,
    wrong: ["0", "Write it as an amount in US dollars, such as 0.50."],
  },
  "--output-bytes <number>": count(1),
  "--start-time <time>": AHEAD,
  "--start-deadline <time>": AHEAD,
  "--priority <class>": { right: "low", wrong: ["soon", `Allowed choices are ${CLASSES}.`] },
  "--executor <id>": { right: "some-id", wrong: EMPTY },
  "--fallback-after <time>": DURATION,
  "--cache": FLAG,
  "--cache-max-age <time>": DURATION,
  "--label <key=value>": { right: "a=b=c", gives: { a: "b=c" }, wrong: ["team", "Write it as key=value."] },
  "--max-attempts <number>": count(0),
  "--first-backoff <time>": DURATION,
  "--max-backoff <time>": DURATION,
  "--never-on <category>": {
    right: "timeout",
    gives: ["TIMEOUT"],
    wrong: ["tired", "It must be one of UNKNOWN_ERROR, "],
  },
  "--request-id <id>": ID,
  "--cancel-on-interrupt": FLAG,

  "<task>": ID,
  "[task]": ID,
  "--after <sequence>": count(0),
  "--limit <number>": count(1),
  "--state <state>": { right: "running", gives: ["RUNNING"], wrong: ["happy", "It must be one of SCHEDULED, "] },
  "--since <time>": AGO,
  "--until <time>": AGO,
  "--error <category>": { right: "timeout", gives: ["TIMEOUT"], wrong: ["tired", "It must be one of UNKNOWN_ERROR, "] },
  "list --priority <class>": REPEATED_CLASS,
  "cancel --priority <class>": REPEATED_CLASS,
  "retry --priority <class>": REPEATED_CLASS,
  "queue list --priority <class>": REPEATED_CLASS,
  "--reason <text>": TEXT,
  "--agent <id>": ID,
  "--yes": FLAG,

  "<name>": TEXT,
  "<cron>": { right: "0 3 * * *", any: "the queue checks it" },
  "--time-zone <name>": {
    right: "Asia/Tokyo",
    wrong: ["Mars/Olympus", "Write it as an IANA name, such as Asia/Tokyo or UTC."],
  },
  "--missed <how>": { right: "run-all", wrong: ["never", "Allowed choices are skip, run-once, run-all."] },
  "--paused": FLAG,

  "--level <level>": {
    right: "kill",
    gives: 4,
    wrong: ["high", "It must be one of no-submit, no-start, park-running, kill."],
  },
  "--why <text>": TEXT,
  "--for <time>": DURATION,
  "<scope>": {
    right: "engine/e",
    gives: { scope: { $case: "engine", value: "e" } },
    wrong: ["everything", "Write it as "],
  },
  "<limit>": { right: "rate/agent/a", any: "the queue checks it" },
  "<value>": { right: "10/500", any: "it depends on the limit: operator.test.ts" },
  "alert list --state <state>": { right: "firing", gives: ["FIRING"], wrong: ["happy", "It must be one of PENDING, "] },
  "--rule <name>": { right: "usage-80", wrong: EMPTY },
  "[name]": TEXT,
  "usage forecast --metric <what>": { right: "cost", wrong: ["money", "Allowed choices are tokens, cost, requests."] },
  "usage forecast --ahead <time>": {
    right: "3h",
    gives: 10_800_000,
    wrong: ["7m", "Write a whole number of five minutes from 5m to 6h."],
  },
  ...Object.fromEntries(
    ["--engine <name>", "--model <name>", "--label <key=value>", "--agent <id>", "--account <name>"].map((option) => [
      `usage forecast ${option}`,
      { right: "some-name", wrong: EMPTY },
    ]),
  ),
  "usage windows --engine <name>": { right: "claude-code", wrong: EMPTY },
  "usage windows --account <name>": { right: "team", wrong: EMPTY },
  "--metric <name>": { right: "usage_window_share", wrong: EMPTY },
  "--when <condition>": {
    right: ">= 0.8",
    gives: { condition: 2, threshold: 0.8 },
    wrong: ["= 3", "Write it in quotes as '> 10', '>= 0.8', '< 5' or '<= 5'."],
  },
  "--match <label=value>": {
    right: "engine!=codex",
    gives: [{ label: "engine", value: "codex", negated: true }],
    wrong: ["engine", "Write it as label=value, or as label!=value."],
  },
  "--keep <time>": DURATION,
  "--severity <how>": { right: "critical", wrong: ["loud", "Allowed choices are info, warning, critical."] },
  "--summary <text>": { right: "some text", wrong: EMPTY },
  "--what-to-do <text>": TEXT,
  "--channel <name>": { right: "mail", gives: ["mail"], wrong: EMPTY },
  "--disabled": FLAG,
  "--enabled": FLAG,
  "--file <path>": PATH,
  "<silence>": ID,
  "[metric]": TEXT,
  "<class>": { right: "low", gives: 4, wrong: ["soon", `It must be one of ${CLASSES}.`] },
  "--watch": FLAG,
  "--confirm <token>": ID,
  "--undo": FLAG,
  "<executor>": ID,
  "<session>": {
    right: "e/team",
    gives: { engine: "e", account: "team" },
    wrong: ["/team", "Write it as ENGINE/ACCOUNT"],
  },
  "budget set --account <engine/name>": {
    right: "e/team",
    gives: { engine: "e", account: "team" },
    wrong: ["/team", "Write it as ENGINE/ACCOUNT, or use --engine."],
  },
  "<engine>": TEXT,
  "[engine]": TEXT,
  "<number>": count(1),

  "--new-ca": FLAG,
  "--host <host>": {
    right: "fd00::7",
    gives: ["fd00::7"],
    wrong: ["queue:3001", "Write it as ccsp.example.org or 10.0.0.7, without a port."],
  },
  "--days <number>": count(1),
  "--operator": FLAG,
  "--folder <folder>": PATH,
  "[path]": PATH,

  "token create --agent <id>": AGENT,
  "token revoke --agent <id>": AGENT,
  "key create --agent <id>": AGENT,
  "[file]": PATH,
  "<key>": ID,
  "--name <text>": TEXT,
  "--grace <time>": DURATION,
  "--everybody": FLAG,
  "--usd <amount>": { right: "0.5", gives: 0.5, wrong: ["much", "It is not a number, such as 0.50."] },
  "--tokens <number>": { right: "1000000", gives: 1_000_000, wrong: ["many", "It is not a number, such as 0.50."] },
  "--requests <number>": { right: "100", gives: 100, wrong: ["many", "It is not a number, such as 0.50."] },
  "--per <period>": { right: "month", wrong: ["year", "Allowed choices are hour, day, month."] },
  "--park": FLAG,
  "--warn <percent>": { right: "80%", gives: [80], wrong: ["100", "It is not a number between 0 and 100."] },
  "--by <what>": { right: "model", gives: ["model"], wrong: ["colour", "It must be one of agent, engine, "] },
  "--export <format>": { right: "csv", wrong: ["xls", "Allowed choices are csv, jsonl."] },
  "--role <role>": { right: "viewer", wrong: ["boss", "Allowed choices are agent, viewer, operator, admin."] },
  "--scope <scope>": { right: "tasks:read", gives: ["tasks:read"], wrong: ["all", "It must be one of tasks:submit"] },
  "--ttl <time>": DURATION,
  "--secret-file <path>": PATH,
  "--audience <name>": TEXT,
  "--issuer <name>": TEXT,
};
