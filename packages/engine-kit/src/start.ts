import type { RunRequest } from "./engine.js";
import type { RunOptions, Supervisor } from "./supervisor.js";

const VERSION_MS = 20_000;

/** The options that every engine passes on from the request when it starts a run. */
export const runOptions = ({
  taskId,
  fence,
  agentId,
  limits,
  workingFolder,
  traceparent,
}: RunRequest): Pick<RunOptions, "run" | "agentId" | "wallMs" | "workingFolder" | "traceparent"> => ({
  run: `${taskId}:${fence}`,
  agentId,
  wallMs: limits.wallMs,
  workingFolder,
  traceparent,
});

/** Runs a command that prints a version, such as `agent --version`. Rejects when it prints none. */
export async function askVersion(
  supervisor: Supervisor,
  { command, prepare }: Pick<RunOptions, "command" | "prepare">,
): Promise<string> {
  const run = await supervisor.start({
    run: "version",
    command,
    prepare,
    input: "",
    wallMs: VERSION_MS,
    traceparent: "",
  });
  run.endInput(VERSION_MS);
  let said = "";
  for await (const chunk of run.output) said = (said + chunk.toString("utf8")).slice(0, 1024);
  const { code, signal } = await run.exited;
  const version = /\d+\.\d+(\.\d+\S*)?/.exec(said)?.[0];
  if (version === undefined) throw new Error(`${command} prints no version (${signal ?? `exit code ${code}`})`);
  return version;
}
