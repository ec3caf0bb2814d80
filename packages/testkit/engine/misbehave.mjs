import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

/** Everything left running here ends by itself, so that a failed test leaves no process for long. */
const LONGEST_SECONDS = 120;
const PAUSE_MS = 20;
const HOARD_BYTES = 8 * 1024 * 1024;

/** Never returns before a signal, or the longest time. */
export async function hang() {
  await new Promise((resolve) => {
    setTimeout(resolve, LONGEST_SECONDS * 1000);
  });
  process.exit(70);
}

/** Exits at once, although standard input is still open. */
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

/** Resolves when it is asked to end, which it then does not do. */
export async function beAsked() {
  process.removeAllListeners("SIGTERM");
  await Promise.race([hang(), new Promise((resolve) => process.once("SIGTERM", resolve))]);
}

/** A process that outlives this one. Answers its pid. */
export function leaveChild({ ownSession, holdsStdout }) {
  const stdout = holdsStdout ? "inherit" : "ignore";
  const child = spawn("sleep", [String(LONGEST_SECONDS)], {
    detached: ownSession,
    stdio: ["ignore", stdout, "ignore"],
  });
  child.unref();
  return child.pid;
}

/** Talks for ever and does nothing. */
export async function stall(output) {
  const retry = { type: "system", subtype: "api_retry", max_retries: 1e6, retry_delay_ms: PAUSE_MS, error_status: 529 };
  const endAt = Date.now() + LONGEST_SECONDS * 1000;
  for (let attempt = 1; Date.now() < endAt; attempt++) {
    await output.line({ ...retry, attempt, error: "overloaded" });
    await sleep(PAUSE_MS);
  }
  process.exit(70);
}

/** So many children, half of them in sessions of their own, a few at a time. */
export function gather(count) {
  for (let started = 0; started < count; started++) {
    setTimeout(() => leaveChild({ ownSession: started % 2 === 0, holdsStdout: false }), started * 2);
  }
}

/** Takes memory up to so many bytes, a bit at a time, and keeps it. */
export function hoard(bytes) {
  const held = [];
  const timer = setInterval(() => {
    held.push(Buffer.alloc(HOARD_BYTES, 1));
    if (held.length * HOARD_BYTES >= bytes) clearInterval(timer);
  }, PAUSE_MS);
}

/** Dies by this signal, as by the kernel's hand. */
export async function crash(signal) {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  await hang();
}
