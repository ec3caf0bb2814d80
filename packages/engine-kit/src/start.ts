import type { RunRequest } from "./engine.js";
import type { RunOptions, Supervisor } from "./supervisor.js";

const ASK_MS = 20_000;
/** In UTF-16 code units. The help of Claude Code has 20 Ki. */
const MOST_SAID = 256 * 1024;

/** The options that every engine passes on from the request when it starts a run. */
export const runOptions = ({
  taskId,
  fence,
  agentId,
  limits,
  workingFolder,
  workingRoot,
  traceparent,
}: RunRequest): Pick<
  RunOptions,
  "run" | "agentId" | "wallMs" | "budgetUsd" | "workingFolder" | "workingRoot" | "traceparent"
> => ({
  run: `${taskId}:${fence}`,
  agentId,
  wallMs: limits.wallMs,
  budgetUsd: limits.budgetUsd,
  workingFolder,
  workingRoot,
  traceparent,
});

/** Runs a command that prints a version, such as `agent --version`. Rejects when it prints none. */
export async function askVersion(supervisor: Supervisor, asked: Asked): Promise<string> {
  const { said, end } = await ask(supervisor, "version", asked);
  const version = /\d+\.\d+(\.\d+\S*)?/.exec(said.slice(0, 1024))?.[0];
  if (version === undefined) throw new Error(`${asked.command} prints no version (${end})`);
  return version;
}

/** Runs a command that prints its options, such as `agent --help`. Rejects when it prints none. */
export async function askOptions(supervisor: Supervisor, asked: Asked): Promise<ReadonlySet<string>> {
  const { said, end } = await ask(supervisor, "help", asked);
  const options = said.match(/(?<![\w-])--[a-z][\w-]*/gi);
  if (options === null) throw new Error(`${asked.command} prints no options (${end})`);
  return new Set(options);
}

type Asked = Pick<RunOptions, "command" | "prepare">;

async function ask(supervisor: Supervisor, run: string, asked: Asked): Promise<{ said: string; end: string }> {
  const started = await supervisor.start({ ...asked, run, input: "", wallMs: ASK_MS, traceparent: "" });
  started.endInput(ASK_MS);
  let said = "";
  for await (const chunk of started.output) said = (said + chunk.toString("utf8")).slice(0, MOST_SAID);
  const { code, signal } = await started.exited;
  return { said, end: signal ?? `exit code ${code}` };
}
