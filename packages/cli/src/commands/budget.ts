import {
  Budget,
  type BudgetAccount,
  BudgetAction,
  BudgetHolder,
  BudgetPeriod,
  type BudgetStanding,
  BudgetUnit,
} from "@ccsp/protos/ccsp/usage/v1/budgets.js";
import { Command, InvalidArgumentError, Option } from "commander";
import { type ConnectionOptions, withConnection } from "../connection/connection.js";
import { atGateway } from "../connection/operator.js";
import { label, number, someText, timeZone } from "../options/option-values.js";
import { FORMATS } from "../output/format.js";
import { messageJson } from "../output/json-forms.js";
import { showList, showOne } from "../output/show.js";
import { zonedTime } from "../output/words.js";
import { CliError, EXIT } from "../process/exit.js";
import type { Io } from "../process/io.js";
import { BUDGET_COLUMNS, holderName, limitWords, shareWords, stateWords, unknownWords } from "../tables/budgets.js";

const PERIODS = { hour: BudgetPeriod.HOUR, day: BudgetPeriod.DAY, month: BudgetPeriod.MONTH } as const;

const HOLDERS = "--agent ID, --label KEY=VALUE, --model NAME, --engine NAME, --account ENGINE/NAME or --everybody";

interface SetOptions extends ConnectionOptions {
  readonly agent?: string;
  readonly label?: Readonly<Record<string, string>>;
  readonly model?: string;
  readonly engine?: string;
  readonly account?: BudgetAccount;
  readonly everybody?: boolean;
  readonly usd?: number;
  readonly tokens?: number;
  readonly requests?: number;
  readonly per: keyof typeof PERIODS;
  readonly timeZone?: string;
  readonly park?: boolean;
  readonly warn?: readonly number[];
}

export function budgetCommand(io: Io): Command {
  const command = new Command("budget").description(
    "limit what agents, labels, models, engines, accounts or everybody may use, and see where it stands",
  );
  for (const sub of [setCommand(io), listCommand(io), deleteCommand(io)]) command.addCommand(sub);
  return command;
}

function setCommand(io: Io): Command {
  return withConnection(new Command("set"), FORMATS)
    .description("create a budget, or replace the one of this name")
    .argument("<name>", "its name: 1 to 64 of A-Z a-z 0-9 . _ -")
    .option("--agent <id>", "limit the usage of this agent", someText)
    .option("--label <key=value>", "limit the usage of all tasks with this label", label)
    .option("--model <name>", "limit what this model answers; holds the tasks that ask for it by this name", someText)
    .option("--engine <name>", "limit the usage of all tasks of this engine", someText)
    .option("--account <engine/name>", "limit the usage with this account; new tasks wait (--park)", account)
    .option("--everybody", "limit the usage of all agents together")
    .option("--usd <amount>", "limit in US dollars; runs of unknown cost do not count", number)
    .option("--tokens <number>", "limit in tokens: input, output and cache", number)
    .option("--requests <number>", "limit in runs; failed attempts count", number)
    .addOption(
      new Option("--per <period>", "how often a new period begins").choices(Object.keys(PERIODS)).default("day"),
    )
    .option(
      "--time-zone <name>",
      "IANA name of the zone in which its periods begin, such as Europe/Berlin (default: UTC)",
      timeZone,
    )
    .option("--park", "when it is used up, let new tasks wait until the period ends (default: refuse them)")
    .option("--warn <percent>", "warn at this share of the limit; may be repeated (default: 80, 95)", percent)
    .addHelpText(
      "after",
      `
Needs one of --agent, --label, --model, --engine, --account and --everybody, and
one of --usd, --tokens and --requests. Waiting tasks that it holds do not start
while it is used up; running ones go on. Needs the scope monitor:manage.

Examples:
  ccsp budget set ci-day --agent ci --usd 20
  ccsp budget set opus --model claude-opus-4-6 --usd 50
  ccsp budget set team-night --label team=blue --requests 500 --per hour --park
  ccsp budget set all --everybody --usd 900 --per month --time-zone Asia/Tokyo`,
    )
    .action(async (name: string, options: SetOptions) => {
      const budget = budgetOf(name, options);
      const { standing } = await atGateway(io, options, (gateway) => gateway.putBudget({ budget }));
      await showOne(io, options, {
        json: () => (standing === undefined ? {} : messageJson("ccsp.usage.v1.BudgetStanding", standing)),
        name,
        lines: () => (standing === undefined ? [] : standingLines(standing)),
      });
    });
}

function listCommand(io: Io): Command {
  return withConnection(new Command("list"), FORMATS)
    .description("list budgets and where each stands in its present period")
    .option("--agent <id>", "only budgets that this agent holds", someText)
    .addHelpText(
      "after",
      `
NOT COUNTED: runs whose cost or tokens are not known. Needs the scope
monitor:read.

Examples:
  ccsp budget list
  ccsp budget list -o json | jq -r 'select(.share >= 0.8) | .budget.name'`,
    )
    .action(async ({ agent: agentId = "", ...options }: ConnectionOptions & { readonly agent?: string }) => {
      const { budgets } = await atGateway(io, options, (gateway) => gateway.listBudgets({ agentId }));
      await showList(io, options, {
        rows: budgets,
        json: (standing) => messageJson("ccsp.usage.v1.BudgetStanding", standing),
        name: ({ budget }) => budget?.name ?? "",
        columns: BUDGET_COLUMNS,
        empty: "no budgets: ccsp budget set NAME --agent ID --usd 20 makes one",
      });
    });
}

function deleteCommand(io: Io): Command {
  return withConnection(new Command("delete"), FORMATS)
    .description("delete a budget; what it held back starts within seconds")
    .argument("<name>")
    .addHelpText("after", "\nNeeds the scope monitor:manage.\n\nExample:\n  ccsp budget delete ci-day")
    .action(async (name: string, options: ConnectionOptions) => {
      await atGateway(io, options, (gateway) => gateway.deleteBudget({ name }));
      await showOne(io, options, { json: () => ({ deleted: name }), name, lines: () => [`${name} is deleted`] });
    });
}

function budgetOf(name: string, options: SetOptions): Budget {
  const {
    agent,
    label: labels = {},
    model,
    engine,
    account: ofAccount,
    everybody,
    usd,
    tokens,
    requests,
    per,
    timeZone: zone = "",
    park,
    warn = [],
  } = options;
  const holders = [
    ...(agent === undefined ? [] : [{ $case: "agentId", value: agent } as const]),
    ...Object.entries(labels).map(([key, value]) => ({ $case: "label", value: `${key}=${value}` }) as const),
    ...(model === undefined ? [] : [{ $case: "model", value: model } as const]),
    ...(engine === undefined ? [] : [{ $case: "engine", value: engine } as const]),
    ...(ofAccount === undefined ? [] : [{ $case: "account", value: ofAccount } as const]),
    ...(everybody === true ? [{ $case: "everybody", value: true } as const] : []),
  ];
  const limits = [
    ...(usd === undefined ? [] : [{ unit: BudgetUnit.USD, limit: usd }]),
    ...(tokens === undefined ? [] : [{ unit: BudgetUnit.TOKENS, limit: tokens }]),
    ...(requests === undefined ? [] : [{ unit: BudgetUnit.REQUESTS, limit: requests }]),
  ];
  const [holder, ...otherHolders] = holders;
  const [limit, ...otherLimits] = limits;
  if (holder === undefined || otherHolders.length > 0) throw new CliError(EXIT.usage, `give one holder: ${HOLDERS}`);
  if (limit === undefined || otherLimits.length > 0)
    throw new CliError(EXIT.usage, "give one limit: --usd AMOUNT, --tokens NUMBER or --requests NUMBER");
  return Budget.fromPartial({
    name,
    holder: BudgetHolder.fromPartial({ holder }),
    ...limit,
    period: PERIODS[per],
    timeZone: zone,
    action: park === true || ofAccount !== undefined ? BudgetAction.PARK : BudgetAction.REFUSE,
    warnShares: warn.map((each) => each / 100),
  });
}

function account(value: string): BudgetAccount {
  const [, engine, name] = /^([^/]+)\/(.+)$/.exec(value) ?? [];
  if (engine === undefined || name === undefined)
    throw new InvalidArgumentError("Write it as ENGINE/ACCOUNT, or use --engine.");
  return { engine, account: name };
}

function percent(value: string, before: readonly number[] = []): readonly number[] {
  const parsed = Number(value.replace(/%$/, ""));
  if (value.trim() !== "" && parsed > 0 && parsed < 100) return [...before, parsed];
  throw new InvalidArgumentError("It is not a number between 0 and 100.");
}

function standingLines(standing: BudgetStanding): readonly string[] {
  const { budget, periodEndTime } = standing;
  const state = stateWords(standing);
  const unknown = unknownWords(standing);
  const whose = `${budget?.name} of ${holderName(budget?.holder)}: ${limitWords(standing)}`;
  const used = `${shareWords(standing)} used until ${zonedTime(periodEndTime)}${state && `, it ${state}`}`;
  return [
    `${whose}, ${used}`,
    ...(unknown ? [`not counted: ${unknown} runs, whose cost or tokens are not known`] : []),
  ];
}
