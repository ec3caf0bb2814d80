import type { Command } from "commander";
import type { ExitCode } from "./process/exit.js";
import type { Io } from "./process/io.js";

type End = (code: ExitCode) => void;

/** A command as `ccsp --help` lists it. */
export interface CommandEntry {
  /** Its name, then what may follow it. */
  readonly term: string;
  readonly description: string;
  /**
   * The command itself. The shell's completion loads it too, so its file imports no client: the action does, when it
   * runs.
   */
  readonly load: (io: Io, end: End) => Promise<Command>;
}

/**
 * All commands, by the headings of `ccsp --help`. `--help`, `--version` and the completion of a command's name use this
 * table alone, so that they answer at once. A test compares its texts with the commands.
 */
export const COMMANDS: Readonly<Record<string, readonly CommandEntry[]>> = {
  "A local fleet:": [
    {
      term: "init [options]",
      description: "ask how tasks log in and where they may work, and write the settings of the local fleet",
      load: async (io) => (await import("./commands/init.js")).initCommand(io),
    },
    {
      term: "up [options]",
      description: "start Redis, Consul and the five services on this machine, and keep them running",
      load: async (io, end) => (await import("./commands/up.js")).upCommand(io, end),
    },
    {
      term: "down [options]",
      description: "stop the local fleet; tasks that wait stay in Redis for the next start",
      load: async (io) => (await import("./commands/down.js")).downCommand(io),
    },
    {
      term: "logs [options] [service]",
      description: "show the log of fleets that were started with --detach",
      load: async (io) => (await import("./commands/logs.js")).logsCommand(io),
    },
    {
      term: "status [options]",
      description: "show what an installation offers, what is running and waiting there, and what your token allows",
      load: async (io, end) => (await import("./commands/status.js")).statusCommand(io, end),
    },
    {
      term: "doctor [options]",
      description: "look for what is wrong with an installation and this host, and say how to mend it",
      load: async (io, end) => (await import("./commands/doctor.js")).doctorCommand(io, end),
    },
    {
      term: "folders",
      description: "folders of this machine in which tasks of the local fleet may work",
      load: async (io) => (await import("./commands/folders.js")).foldersCommand(io),
    },
  ],
  "Tasks:": [
    {
      term: "run [options] [prompt]",
      description: "submit a task and stream its answer",
      load: async (io, end) => (await import("./commands/run.js")).runCommand(io, end),
    },
    {
      term: "submit [options] [prompt]",
      description: "submit a task and print its id without waiting for it",
      load: async (io) => (await import("./commands/submit.js")).submitCommand(io),
    },
    {
      term: "watch [options] <task>",
      description: "stream a task's answer, from the beginning or from a given sequence",
      load: async (io, end) => (await import("./commands/watch.js")).watchCommand(io, end),
    },
    {
      term: "get [options] <task>",
      description: "show a task and its result",
      load: async (io) => (await import("./commands/get.js")).getCommand(io),
    },
    {
      term: "list [options]",
      description: "list your tasks, newest first",
      load: async (io) => (await import("./commands/list.js")).listCommand(io),
    },
    {
      term: "cancel [options] [task]",
      description:
        "cancel a task of yours or, as an operator, every task that the options name; ended tasks stay as they are",
      load: async (io) => (await import("./commands/cancel.js")).cancelCommand(io),
    },
    {
      term: "retry [options] [task]",
      description: "put a failed or expired task of yours back or, as an operator, every task that the options name",
      load: async (io) => (await import("./commands/retry.js")).retryCommand(io),
    },
    {
      term: "explain [options] <task>",
      description: "show why a task has not started and when it may",
      load: async (io) => (await import("./commands/explain.js")).explainCommand(io),
    },
    {
      term: "trace [options] <task>",
      description: "show where the time of a task went: its spans, as a tree",
      load: async (io) => (await import("./commands/trace.js")).traceCommand(io),
    },
    {
      term: "estimate [options] [prompt]",
      description: "show when a task would start if it was submitted now, without submitting it",
      load: async (io) => (await import("./commands/estimate.js")).estimateCommand(io),
    },
    {
      term: "schedule",
      description: "create tasks at repeated times",
      load: async (io) => (await import("./commands/schedule.js")).scheduleCommand(io),
    },
  ],
  "Operators:": [
    {
      term: "emergency",
      description: "stop all work in the whole installation at once, and resume it",
      load: async (io, end) => (await import("./commands/emergency.js")).emergencyCommand(io, end),
    },
    {
      term: "pause [options] <scope>",
      description: "start no more tasks of a scope; running tasks continue",
      load: async (io) => (await import("./commands/pause.js")).pauseCommand(io),
    },
    {
      term: "resume [options] <scope>",
      description: "start tasks of a paused scope again",
      load: async (io) => (await import("./commands/pause.js")).resumeCommand(io),
    },
    {
      term: "queue",
      description: "show the queue, and show and change tasks of every agent",
      load: async (io) => (await import("./commands/queue.js")).queueCommand(io),
    },
    {
      term: "priority [options] <task> <class>",
      description: "change the class of a task that waits; it keeps its age",
      load: async (io) => (await import("./commands/priority.js")).priorityCommand(io),
    },
    {
      term: "clear [options] <class>",
      description:
        "cancel every waiting task of a class: the first call gives a count and a token, the second call needs the token",
      load: async (io) => (await import("./commands/clear.js")).clearCommand(io),
    },
    {
      term: "limits",
      description: "show and change weights and rates while the queue runs",
      load: async (io) => (await import("./commands/limits.js")).limitsCommand(io),
    },
    {
      term: "adaptation [options]",
      description: "show what CCSP has changed by itself: rates, weights, gates and slots, and why",
      load: async (io) => (await import("./commands/adaptation.js")).adaptationCommand(io),
    },
    {
      term: "usage [options]",
      description:
        "show the runs, tokens, cost and times of agents, engines, models, classes and labels; forecast them",
      load: async (io) => (await import("./commands/usage.js")).usageCommand(io),
    },
    {
      term: "budget",
      description: "limit what agents, labels, models, engines, accounts or everybody may use, and see where it stands",
      load: async (io) => (await import("./commands/budget.js")).budgetCommand(io),
    },
    {
      term: "fleet [options]",
      description: "show the instances of all services: health, version, uptime, CPU and memory",
      load: async (io) => (await import("./commands/fleet.js")).fleetCommand(io),
    },
    {
      term: "slo [options]",
      description: "show how well the service level objectives are kept, and what is left of their error budgets",
      load: async (io) => (await import("./commands/slo.js")).sloCommand(io),
    },
    {
      term: "alert",
      description: "show alerts, change their rules, and silence them",
      load: async (io) => (await import("./commands/alert.js")).alertCommand(io),
    },
    {
      term: "notify",
      description: "show notifications and their channels, test a channel, and send again what was given up",
      load: async (io, end) => (await import("./commands/notify.js")).notifyCommand(io, end),
    },
    {
      term: "session",
      description: "show the logins of engines, and confirm a renewed one",
      load: async (io, end) => (await import("./commands/session.js")).sessionCommand(io, end),
    },
    {
      term: "executor",
      description: "show and control executors",
      load: async (io, end) => (await import("./commands/executor.js")).executorCommand(io, end),
    },
  ],
  "Access:": [
    {
      term: "login [options]",
      description: "log in as a person at the OIDC issuer of an installation, with a browser",
      load: async (io) => (await import("./commands/login.js")).loginCommand(io),
    },
    {
      term: "logout [options]",
      description: "forget the login for a gateway, and revoke it at the issuer",
      load: async (io) => (await import("./commands/login.js")).logoutCommand(io),
    },
    {
      term: "certs",
      description: "make, renew and show certificates of services and operators",
      load: async (io) => (await import("./commands/certs.js")).certsCommand(io),
    },
    {
      term: "key",
      description: "make, show and revoke API keys of agents",
      load: async (io) => (await import("./commands/key.js")).keyCommand(io),
    },
    {
      term: "token",
      description: "make tokens for agents and operators, and revoke them",
      load: async (io) => (await import("./commands/token.js")).tokenCommand(io),
    },
    {
      term: "open [options]",
      description: "open the dashboard in a browser, signed in as you",
      load: async (io) => (await import("./commands/open.js")).openCommand(io),
    },
    {
      term: "whoami [options]",
      description: "show who you are for a gateway, and what you may do there",
      load: async (io) => (await import("./commands/whoami.js")).whoamiCommand(io),
    },
  ],
  "Shell:": [
    {
      term: "completion <shell>",
      description: "print a script with which a shell completes commands, options, task ids and other names",
      load: async (io) => (await import("./commands/completion.js")).completionCommand(io),
    },
  ],
};

/** The first word of a term. */
export const nameOf = ({ term }: CommandEntry): string => term.split(" ", 1)[0] ?? "";
