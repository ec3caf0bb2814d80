import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { PartProgress } from "@ccsp/fleet";
import { PRIVATE_FILE } from "@ccsp/private-files";
import { type FleetState, ROOT, type StateDir } from "../local-fleet/state.js";
import { durationWords } from "../output/words.js";
import { CliError, EXIT, type ExitCode, Interrupted, linesOf } from "../process/exit.js";
import type { EndSignal, Io } from "../process/io.js";
import { backgroundEnv } from "./fleet-env.js";
import type { FolderLock } from "./folder-lock.js";
import { toFleetLine } from "./line-filter.js";

/** How often the fleet's process says that it runs, and the time without a word after which it does not. */
const [ALIVE_MS, SILENT_MS] = [5_000, 120_000];

/** Number of the file descriptor with which a fleet in the background holds the lock on its folder. */
export const LOCK_FD = 3;

/** What a fleet in the background reports to the command that started it and waits. */
export interface StartNews {
  readonly progress?: PartProgress;
  readonly ready?: FleetState;
  readonly failed?: { readonly code: ExitCode; readonly lines: readonly string[] };
}

export interface Waiting {
  readonly state: StateDir;
  readonly lock: FolderLock;
  readonly onProgress: (progress: PartProgress) => void;
  /** The time without a word after which the fleet's process counts as hung. Tests set a shorter one. */
  readonly silentMs?: number;
}

/** The process of a fleet mostly waits. Node would keep 25 MB for the objects that it made while it started. */
const SMALL = ["--max-semi-space-size=2"];

/**
 * Starts `ccsp up` as a separate process, which shares the lock, and waits until the fleet is ready. When it does not
 * become ready, throws the fleet's own error, or one with the end of the log if the fleet could not tell. How long to
 * wait is the fleet's own decision, as long as its process runs. An interrupt stops the fleet.
 */
export async function startInBackground(io: Io, waiting: Waiting, args: readonly string[]): Promise<FleetState> {
  const { state, lock, onProgress, silentMs = SILENT_MS } = waiting;
  // The fleet writes its log itself. This file descriptor is for what Node prints when the fleet's process crashes.
  const log = await open(state.logFile, "a", PRIVATE_FILE);
  const { size } = await log.stat();
  const program = [...SMALL, join(ROOT, "packages/cli/bin/ccsp.js"), "up", "--background", ...args];
  const child = spawn(process.execPath, program, {
    detached: true,
    stdio: ["ignore", log.fd, log.fd, lock.fd, "ipc"],
    // The setting may be seen from the folder of the caller.
    env: { ...backgroundEnv(io.env), CCSP_STATE_DIR: state.path },
    cwd: ROOT,
  });
  await log.close();
  let interrupted: EndSignal | undefined;
  const stopListening = io.onInterrupt((signal) => {
    interrupted = signal;
    child.kill("SIGTERM");
  });
  let ending = "ended";
  const silence = setTimeout(() => {
    ending = `did not run for ${durationWords(silentMs)} and was killed`;
    child.kill("SIGKILL");
  }, silentMs);
  child.on("message", () => void silence.refresh());
  try {
    const { ready, failed } = await lastNews(child, onProgress);
    if (ready) return ready;
    if (interrupted) throw new Interrupted(interrupted);
    if (failed) throw new CliError(failed.code, failed.lines[0] ?? "", failed.lines.slice(1));
    const { exitCode, signalCode } = child;
    const how = ending === "ended" && (signalCode ?? exitCode) !== null ? ` (${signalCode ?? `exit ${exitCode}`})` : "";
    throw new CliError(EXIT.failed, `the fleet did not start: its process ${ending}${how} before it was ready`, [
      ...(await endOf(state.logFile, size)),
      "What to do: correct what these last lines of its log say, then start the fleet again",
      `Its log: ccsp logs (${state.logFile})`,
    ]);
  } finally {
    clearTimeout(silence);
    stopListening();
    child.unref();
    if (child.connected) child.disconnect();
  }
}

/** Resolves when the fleet is ready, or when its process has ended. */
async function lastNews(child: ChildProcess, onProgress: Waiting["onProgress"]): Promise<StartNews> {
  let failed: StartNews["failed"];
  const ready = new Promise<StartNews>((resolve) => {
    child.on("message", (news: StartNews) => {
      if (news.progress) onProgress(news.progress);
      if (news.failed) failed = news.failed;
      if (news.ready) resolve(news);
    });
  });
  // A program that cannot be started emits "error" and no "exit". `once` rejects then.
  const ended = once(child, "exit").then(
    () => undefined,
    () => undefined,
  );
  return (await Promise.race([ready, ended])) ?? { ...(failed && { failed }) };
}

/** Tells the command that waits, until `stop`, that this process runs, also while nothing changes for long. */
export function tellAlive(): { stop(): void } {
  const timer = setInterval(() => tellStarter({}), ALIVE_MS).unref();
  return { stop: () => clearInterval(timer) };
}

/** Tells the command that waits for this fleet. It may have gone, which changes nothing for the fleet. */
export function tellStarter(news: StartNews): void {
  if (!process.connected) return;
  process.send?.(news, undefined, undefined, () => {});
  if (news.ready) process.disconnect();
}

export const failedNews = (error: unknown): StartNews => ({
  failed: {
    code: error instanceof CliError ? error.code : EXIT.failed,
    lines: linesOf(error),
  },
});

/** The last lines of a log as text, only from the part after `size` bytes. The part before belongs to earlier fleets. */
async function endOf(path: string, size: number): Promise<readonly string[]> {
  const log = await stat(path).catch(() => undefined);
  if (!log?.isFile()) return ["(it cannot be read)"];
  const bytes = await readFile(path);
  // When the file is shorter than `size`, a new file was begun.
  const text = bytes.subarray(bytes.length < size ? 0 : size).toString();
  const { createLineFormat } = await import("./log-lines.js"); // loads pino-pretty, which a start does not need
  const format = createLineFormat(false);
  const lines = text.trimEnd().split("\n").slice(-10);
  return lines.flatMap((line) => format(toFleetLine(line)).split("\n")).map((line) => `  ${line}`);
}
