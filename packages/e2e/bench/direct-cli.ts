import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { CLAUDE_CODE_BIN, type Simulator } from "@ccsp/testkit";

/** The times of one `claude -p`, in ms from just before its start. */
export interface DirectRun {
  readonly firstTextMs: number;
  readonly totalMs: number;
}

/**
 * Runs the CLI as a script would: the prompt comes on stdin, which is then closed, and the text is streamed. The home
 * is a temporary folder that exists before the start.
 */
export async function runDirectly(simulator: Simulator, prompt: string): Promise<DirectRun> {
  const home = await mkdtemp(join(tmpdir(), "ccsp-bench-"));
  const work = join(home, "work");
  await mkdir(work);
  try {
    const start = performance.now();
    const output = ["--output-format", "stream-json", "--verbose", "--include-partial-messages"];
    const child = spawn(CLAUDE_CODE_BIN, ["-p", ...output], {
      cwd: work,
      stdio: ["pipe", "pipe", "ignore"],
      env: {
        PATH: "/usr/local/bin:/usr/bin:/bin",
        HOME: home,
        TMPDIR: home,
        CLAUDE_CONFIG_DIR: join(home, ".claude"),
        ANTHROPIC_API_KEY: "fake-key-for-the-simulator",
        ANTHROPIC_BASE_URL: simulator.url,
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
        DISABLE_TELEMETRY: "1",
        DISABLE_AUTOUPDATER: "1",
      },
    });
    const exited = once(child, "exit");
    child.stdin.end(prompt);
    let firstTextMs = Number.NaN;
    for await (const line of createInterface({ input: child.stdout })) {
      if (Number.isNaN(firstTextMs) && line.includes('"text_delta"')) firstTextMs = performance.now() - start;
    }
    const [code]: unknown[] = await exited;
    if (code !== 0 || Number.isNaN(firstTextMs)) throw new Error(`claude -p ended with ${String(code)}`);
    return { firstTextMs, totalMs: performance.now() - start };
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}
