import type { Limit, LimitChange } from "@ccsp/protos/ccsp/queue/v1/limit.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { Command } from "commander";
import { type ConnectionOptions, withConnection } from "../connection/connection.js";
import { atGateway } from "../connection/operator.js";
import { limitValue, limitWords } from "../options/limit-values.js";
import { durationMs } from "../options/option-values.js";
import { FORMATS } from "../output/format.js";
import { messageJson } from "../output/json-forms.js";
import { showList, showOne } from "../output/show.js";
import { zonedTime } from "../output/words.js";
import { CliError, EXIT } from "../process/exit.js";
import type { Io } from "../process/io.js";
import { LIMIT_COLUMNS } from "../tables/limits.js";

interface SetOptions extends ConnectionOptions {
  readonly why: string;
  readonly for?: number;
}

const NAMES = `
Limits:
  weight/class/CLASS            turns of high, normal or low among the classes
  weight/agent/AGENT            turns of an agent within its class
  rate/agent/AGENT              starts and tokens a minute of an agent
  rate/engine/ENGINE            ... of an engine
  rate/account/ENGINE/ACCOUNT   ... of a login
A rate can name * in place of an agent, an engine or ENGINE/ACCOUNT: each one
that has no rate of its own.
`;

export function limitsCommand(io: Io): Command {
  const command = new Command("limits").description("show and change weights and rates while the queue runs");
  for (const sub of [listCommand(io), setCommand(io), resetCommand(io)]) command.addCommand(sub);
  return command;
}

function listCommand(io: Io): Command {
  return withConnection(new Command("list"), FORMATS)
    .description("list the weights and rates in force; those with a name under BY override the settings")
    .addHelpText(
      "after",
      "\nNeeds the scope tasks:read-all.\n\nExamples:\n  ccsp limits list\n  ccsp limits list -o json | jq -r 'select(.source) | .name'",
    )
    .action(async (options: ConnectionOptions) => {
      const { limits } = await atGateway(io, options, (gateway) => gateway.getLimits({}));
      await showList(io, options, {
        rows: limits,
        json: limitJson,
        name: ({ name }) => name,
        columns: LIMIT_COLUMNS,
        empty: "the queue names no limits",
      });
    });
}

function setCommand(io: Io): Command {
  const command = new Command("set")
    .description("override a weight or a rate of the settings; every replica follows within 3 seconds")
    .argument("<limit>", "its name, as below")
    .argument("<value>", "a weight such as 4, or a rate as STARTS or STARTS/TOKENS a minute; 0: any number")
    .requiredOption("--why <text>", "why")
    .option("--for <time>", "ends by itself after this time, such as 30m or 2h", durationMs);
  return withConnection(command, FORMATS)
    .addHelpText(
      "after",
      `${NAMES}
Without --for, the value stays until you reset it, also after a restart. CCSP
itself never changes a limit that a person has set. Needs the scope
queue:manage.

Examples:
  ccsp limits set rate/agent/nightly 10 --why "it floods the queue" --for 2h
  ccsp limits set rate/account/claude-code/team 6/200000 --why "save the window"
  ccsp limits set weight/class/low 4 --why "the backlog has to go"`,
    )
    .action(async (name: string, value: string, { why, for: forMs, ...options }: SetOptions) => {
      const endAfter = forMs === undefined ? undefined : toDuration(forMs);
      const change = { name, value: limitValue(name, value), endTime: undefined, endAfter };
      await showChange(io, options, { change, why });
    });
}

function resetCommand(io: Io): Command {
  const command = new Command("reset")
    .description("let the settings decide a weight or a rate again")
    .argument("<limit>", "its name, as `ccsp limits list` shows it")
    .option("--why <text>", "why", "reset");
  return withConnection(command, FORMATS)
    .addHelpText("after", "\nNeeds the scope queue:manage.\n\nExample:\n  ccsp limits reset rate/agent/nightly")
    .action(async (name: string, { why, ...options }: SetOptions) => {
      const change = { name, value: undefined, endTime: undefined, endAfter: undefined };
      await showChange(io, options, { change, why });
    });
}

async function showChange(
  io: Io,
  options: ConnectionOptions,
  { change, why }: { readonly change: LimitChange; readonly why: string },
): Promise<void> {
  const { limits } = await atGateway(io, options, (gateway) => gateway.setLimits({ changes: [change], why }));
  const [limit] = limits;
  if (!limit) throw new CliError(EXIT.unavailable, "the queue did not answer with the limit");
  await showOne(io, options, { json: () => limitJson(limit), name: limit.name, lines: () => [limitLine(limit)] });
}

const limitJson = (limit: Limit) => messageJson("ccsp.queue.v1.Limit", limit);

function limitLine({ name, value, source }: Limit): string {
  if (!source) return `${name}: ${limitWords(value)}, as the settings say`;
  const until = source.endTime ? `, until ${zonedTime(source.endTime)}` : "";
  return `${name}: ${limitWords(value)}${until}, by ${source.who}: ${source.why}`;
}
