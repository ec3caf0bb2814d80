import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";

/** One line of stream-json, with the fields that these tests read. */
export interface Line {
  readonly type: string;
  readonly subtype?: string;
  readonly event?: { readonly type: string; readonly delta?: { readonly text?: string } };
  readonly error?: string;
  readonly error_status?: number | null;
  readonly rate_limit_info?: { readonly status: string; readonly resetsAt: number; readonly rateLimitType: string };
  readonly [field: string]: unknown;
}

export interface Run {
  readonly lines: readonly Line[];
  /** Lines that are not JSON objects. */
  readonly odd: readonly string[];
  readonly stderr: string;
  readonly exit: number | string | null;
  readonly result: Line | undefined;
  /** All text deltas, joined. */
  readonly text: string;
}

export interface Running {
  readonly pid: number;
  readonly lines: readonly Line[];
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Run>;
}

export interface EngineRun {
  readonly bin: string;
  readonly home: string;
  readonly prompt: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly flags?: readonly string[];
  /** Closes standard input right after the prompt instead of after the result. */
  readonly closeEarly?: boolean;
}

const FLAGS = [
  "-p",
  "--output-format",
  "stream-json",
  "--verbose",
  "--include-partial-messages",
  "--input-format",
  "stream-json",
];

export async function temporaryHome(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "ccsp-testkit-"));
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}

/** The environment of every run. It contains nothing of this process's own environment. */
export function engineEnv(home: string, modelUrl: string): Record<string, string> {
  return {
    HOME: home,
    CLAUDE_CONFIG_DIR: join(home, "config"),
    TMPDIR: home,
    PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
    ANTHROPIC_API_KEY: "fake-key",
    ANTHROPIC_BASE_URL: modelUrl,
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    DISABLE_TELEMETRY: "1",
    DISABLE_AUTOUPDATER: "1",
    CLAUDE_CODE_MAX_RETRIES: "0",
  };
}

/** Starts the CLI or its stand-in in its own process group and sends it one prompt. */
export function startEngine({ bin, home, prompt, env = {}, flags = [], closeEarly = false }: EngineRun): Running {
  const child = spawn(bin, [...FLAGS, ...flags], { cwd: home, env, detached: true });
  const message = `${JSON.stringify({ type: "user", message: { role: "user", content: prompt } })}\n`;
  child.stdin.on("error", () => {});
  if (closeEarly) child.stdin.end(message);
  else child.stdin.write(message);

  const lines: Line[] = [];
  const odd: string[] = [];
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
  });
  createInterface({ input: child.stdout }).on("line", (text) => {
    const line = parse(text);
    if (line) lines.push(line);
    else odd.push(text);
    if (line?.type === "result") child.stdin.end();
  });

  const ended = new Promise<Run>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      const text = lines.map((line) => line.event?.delta?.text ?? "").join("");
      const result = lines.findLast((line) => line.type === "result");
      resolve({ lines, odd, stderr, exit: code ?? signal, result, text });
    });
  });
  return {
    pid: child.pid ?? 0,
    lines,
    ended,
    kill: (signal) => void child.kill(signal),
  };
}

export function runEngine(run: EngineRun): Promise<Run> {
  return startEngine(run).ended;
}

function parse(text: string): Line | undefined {
  try {
    const line: unknown = JSON.parse(text);
    return isLine(line) ? line : undefined;
  } catch {
    return undefined;
  }
}

function isLine(value: unknown): value is Line {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}
