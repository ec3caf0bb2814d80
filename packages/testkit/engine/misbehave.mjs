import { spawn } from "node:child_process";

/** Everything left running here ends by itself, so that a failed test leaves no process for long. */
const LONGEST_SECONDS = 120;

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

/** Dies by this signal, as by the kernel's hand. */
export async function crash(signal) {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  await hang();
}
