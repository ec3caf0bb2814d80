import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ROUTES, rpcsOf, WITHOUT_ROUTE } from "@ccsp/gateway";
import { methodNamed } from "@ccsp/protos/descriptor.js";
import type { Command } from "commander";
import { COMMANDS } from "../src/command-table.js";

/** What each command calls at the gateway. One with commands below it calls what `""` says. */
const CALLS: Readonly<Record<string, readonly string[]>> = {
  status: ["GetCapabilities", "GetStatus", "ListExecutors", "GetUsage", "ListNotifications"],
  run: ["RunTask"],
  submit: ["SubmitTask", "SubmitTasks"],
  watch: ["WatchTask"],
  get: ["GetTask"],
  list: ["ListTasks"],
  cancel: ["CancelTask", "CancelTasks"],
  retry: ["RetryTask", "RetryTasks"],
  explain: ["ExplainTask"],
  trace: ["GetTask"],
  estimate: ["EstimateTask"],
  "schedule put": ["PutSchedule"],
  "schedule list": ["ListSchedules"],
  "schedule delete": ["DeleteSchedule"],
  "emergency stop": ["EmergencyStop"],
  "emergency resume": ["ResumeQueue"],
  pause: ["PauseQueue"],
  resume: ["ResumeQueue"],
  "queue status": ["GetStatus", "WatchQueue"],
  "queue list": ["ListTasks"],
  "queue get": ["GetTask"],
  "queue explain": ["ExplainTask"],
  "queue log": ["WatchTask"],
  "queue cancel": ["CancelTask"],
  "queue retry": ["RetryTask"],
  priority: ["SetPriority"],
  clear: ["ClearQueue"],
  "limits list": ["GetLimits"],
  "limits set": ["SetLimits"],
  "limits reset": ["SetLimits"],
  adaptation: ["GetAdaptation"],
  usage: ["GetUsage", "GetTimeSeries", "ExportUsage"],
  "usage windows": ["ListUsageWindows"],
  "usage forecast": ["GetForecast"],
  "budget set": ["PutBudget"],
  "budget list": ["ListBudgets"],
  "budget delete": ["DeleteBudget"],
  fleet: ["GetGlobalMetrics", "WatchMetrics"],
  slo: ["GetSlos"],
  "alert list": ["ListAlerts"],
  "alert silence": ["SilenceAlerts"],
  "alert silences": ["ListSilences"],
  "alert unsilence": ["DeleteSilence"],
  "alert rules": ["ListAlertRules"],
  "alert put": ["PutAlertRule"],
  "alert delete": ["DeleteAlertRule"],
  "alert test": ["TestAlertRule"],
  "alert signals": ["ListSignals"],
  "notify list": ["ListNotifications"],
  "notify get": ["GetNotification"],
  "notify retry": ["RetryNotification"],
  "notify channels": ["ListChannels"],
  "notify test": ["TestChannel"],
  "notify preview": ["PreviewNotification"],
  "session list": ["ListSessions"],
  "session confirm": ["ConfirmSession"],
  "session check": ["CheckSession"],
  "executor list": ["ListExecutors"],
  "executor runs": ["ListExecutors"],
  "executor tail": ["TailRun"],
  "executor drain": ["SetDraining"],
  "executor slots": ["SetConcurrency"],
  "executor probe": ["Probe"],
  "key create": ["CreateKey"],
  "key list": ["ListKeys"],
  "key rotate": ["RotateKey"],
  "key revoke": ["RevokeKey"],
  "token revoke": ["RevokeTokens"],
  whoami: ["WhoAmI"],
  doctor: ["GetCapabilities", "GetGlobalMetrics", "ListExecutors", "ListSessions"],
};

/** Commands about this machine: its local fleet, its files, its shell. */
const LOCAL: readonly string[] = [
  "init",
  "up",
  "down",
  "logs",
  "folders list",
  "folders allow",
  "folders forget",
  "login",
  "logout",
  "certs init",
  "certs issue",
  "certs show",
  "token create",
  "completion",
  "open",
];

/** What REST has and no command, and what shows the same to a person. */
const WITHOUT_COMMAND: Readonly<Record<string, string>> = {
  ListEngines: "`ccsp executor list` shows the engines of every executor",
  ListHooks: "for programs; the settings of an executor name its hooks",
  GetRun: "`ccsp executor runs` shows every run",
  GetTaskTrace: "`ccsp trace` shows more of it: from the store of this machine's fleet, or by a link",
  ListWaiting: "`ccsp queue list` lists the tasks by age, and `ccsp queue explain` says the place of one",
  GetQueueHistory: "for charts; Prometheus keeps the same counts for longer",
  GetAgentStats: "`ccsp usage --by agent` shows what agents used",
  GetMyUsage: "for agents without a scope of people; people have `ccsp usage`",
  GetMyForecast: "for agents, in the same way; people have `ccsp usage forecast`",
  GetMyBudgets: "for agents, in the same way; people have `ccsp budget list`",
  RecordUsage: "for programs that work outside CCSP",
};

const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

describe("What `ccsp` and REST can do", () => {
  const routed = new Set(ROUTES.flatMap(rpcsOf).map(nameOf));
  const called = new Set(Object.values(CALLS).flat());

  it("is the same: each command is about this machine, or has its calls as paths", async () => {
    const commands = await allCommands();
    assert.deepEqual(commands.toSorted(), [...Object.keys(CALLS), ...LOCAL].toSorted());
    const elsewhere = Object.keys(WITHOUT_ROUTE).map(nameOf);
    assert.deepEqual(
      [...called].filter((rpc) => !routed.has(rpc)),
      elsewhere,
    );
  });

  it("is the same: each path has a command that makes its call, or a reason", () => {
    assert.deepEqual([...routed].filter((rpc) => !called.has(rpc)).toSorted(), Object.keys(WITHOUT_COMMAND).toSorted());
  });

  it("is in the code of the command as in the list above", async () => {
    const code = await sourceOf(["../src", "../../client/src"]);
    const localNames = [...called].map((rpc) => {
      const path = [...ROUTES.flatMap(rpcsOf), ...Object.keys(WITHOUT_ROUTE)].find((each) => nameOf(each) === rpc);
      return methodNamed(path ?? assert.fail(rpc)).localName;
    });
    assert.deepEqual(
      localNames.filter((name) => !new RegExp(`\\.${name}\\b`).test(code)),
      [],
    );
    // The SDK calls them for agents.
    const own = await sourceOf(["../src"]);
    const unused = Object.keys(WITHOUT_COMMAND).map((rpc) => `${rpc.charAt(0).toLowerCase()}${rpc.slice(1)}`);
    assert.deepEqual(
      unused.filter((name) => new RegExp(`\\.${name}\\(`).test(own)),
      [],
    );
  });
});

/** The names of all commands that do something: those without commands below them, and `usage`, which does both. */
async function allCommands(): Promise<string[]> {
  const io = { env: {} };
  const names: string[] = [];
  const visit = (command: Command, above: string): void => {
    const name = `${above}${command.name()}`;
    if (command.commands.length === 0 || name === "usage") names.push(name);
    for (const each of command.commands) visit(each, `${name} `);
  };
  for (const entry of Object.values(COMMANDS).flat()) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a command reads the rest of it only when it runs
    visit(await entry.load(io as Parameters<typeof entry.load>[0], () => undefined), "");
  }
  return names;
}

async function sourceOf(folders: readonly string[]): Promise<string> {
  const texts: string[] = [];
  for (const folder of folders) {
    const root = fileURLToPath(new URL(folder, import.meta.url));
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true }))
      if (entry.name.endsWith(".ts")) texts.push(await readFile(join(entry.parentPath, entry.name), "utf8"));
  }
  return texts.join("\n");
}
