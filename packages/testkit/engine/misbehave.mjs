import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

/** Every process that is left running ends by itself after this time. So a failed test leaves no process for long. */
const LONGEST_SECONDS = 120;
const PAUSE_MS = 20;
const HOARD_BYTES = 8 * 1024 * 1024;

/** Hangs until a signal ends the process, or until the longest time has passed. It never returns. */
export async function hang() {
  await new Promise((resolve) => {
    setTimeout(resolve, LONGEST_SECONDS * 1000);
  });
  process.exit(70);
}

/** Exits immediately, even though standard input is still open. */
export async function leave(code) {
  await new Promise((resolve) => process.stdout.write("", resolve));
  process.exit(code);
}

export function ignoreSignals() {
  for (const signal of ["SIGTERM", "SIGINT"]) {
    process.removeAllListeners(signal);
    process.on(signal, () => {});
  }
}

/** Resolves when the process gets SIGTERM. The process does not end then. */
export async function beAsked() {
  process.removeAllListeners("SIGTERM");
  await Promise.race([hang(), new Promise((resolve) => process.once("SIGTERM", resolve))]);
}

/** Starts a process that outlives this one. Returns its pid. */
export function leaveChild({ ownSession, holdsStdout }) {
  const stdout = holdsStdout ? "inherit" : "ignore";
  const child = spawn("sleep", [String(LONGEST_SECONDS)], {
    detached: ownSession,
    stdio: ["ignore", stdout, "ignore"],
  });
  child.unref();
  return child.pid;
}

/** Writes retry lines until the longest time has passed and makes no progress. Then it exits. */
export async function stall(output) {
  const retry = { type: "system", subtype: "api_retry", max_retries: 1e6, retry_delay_ms: PAUSE_MS, error_status: 529 };
  const endAt = Date.now() + LONGEST_SECONDS * 1000;
  for (let attempt = 1; Date.now() < endAt; attempt++) {
    await output.line({ ...retry, attempt, error: "overloaded" });
    await sleep(PAUSE_MS);
  }
  process.exit(70);
}

/** Starts `count` children, a few at a time. Half of them are in sessions of their own. */
export function gather(count) {
  for (let started = 0; started < count; started++) {
    setTimeout(() => leaveChild({ ownSession: started % 2 === 0, holdsStdout: false }), started * 2);
  }
}

/** Allocates memory step by step up to this many bytes, and keeps it. */
export function hoard(bytes) {
  const held = [];
  const timer = setInterval(() => {
    held.push(Buffer.alloc(HOARD_BYTES, 1));
    if (held.length * HOARD_BYTES >= bytes) clearInterval(timer);
  }, PAUSE_MS);
}

/** Ends the process by this signal, as the kernel would. */
export async function crash(signal) {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  await hang();
}
