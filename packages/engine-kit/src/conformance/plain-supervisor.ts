import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import type { Overrun, RunExit } from "../run-handle.js";
import { STANDARD_PATH } from "../settings.js";
import type { RunFolder, Supervisor } from "../supervisor.js";
import type { SupervisorNeeds } from "./rig.js";

const GRACE_MS = 500;
const PATH = [...STANDARD_PATH, dirname(process.execPath)].join(delimiter);

/**
 * As much of the executor's supervisor as a test of an engine needs: process group, folders, environment, the clocks for time and
 * silence. It does not find processes that left their group.
 */
export function createPlainSupervisor({ folder, silenceMs }: SupervisorNeeds): Supervisor {
  return {
    async start({ command, prepare, input, wallMs, traceparent, workingFolder, collect }) {
      const made = await createFolders(folder);
      const place = { ...made, work: workingFolder ?? made.work };
      const { args, env, input: prepared = input } = await prepare(place);
      // Node would give every child its own NODE_V8_COVERAGE, whatever `env` has.
      const always = { NODE_V8_COVERAGE: undefined, PATH, HOME: place.home, TMPDIR: place.tmp, LANG: "C.UTF-8" };
      const traced = traceparent === "" ? {} : { TRACEPARENT: traceparent };
      const child = spawn(command, [...args], {
        cwd: place.work,
        env: { ...always, ...env, ...traced },
        detached: true,
      });
      await once(child, "spawn");
      const startedAt = performance.now();
      const pid = child.pid ?? 0;
      const timers = new Set<NodeJS.Timeout>();
      let overrun: Overrun | undefined;
      let asked = false;
      // What it says while it is being ended does not count.
      let cut = false;
      let stderr = "";
      child.stderr.on("data", (chunk: Buffer) => {
        stderr = (stderr + chunk.toString("utf8")).slice(0, 2_048);
      });
      child.stdin.on("error", () => {});
      child.stdin.write(prepared);

      const exited = new Promise<RunExit>((resolve, reject) => {
        child.once("exit", (code, signal) => {
          signalGroup(pid, "SIGKILL");
          for (const timer of timers) clearTimeout(timer);
          const runMs = performance.now() - startedAt;
          const cause = overrun ?? (asked ? "stopped" : signal ? "signal" : "exited");
          const remove = () => rm(place.path, { recursive: true, force: true, maxRetries: 5 });
          const collected = Promise.resolve(collect?.(place)).catch(() => {});
          collected.then(remove).then(() => resolve({ code, signal, stderr, overrun, cause, runMs }), reject);
        });
      });
      exited.catch(() => {});

      const after = (ms: number, act: () => void) => {
        const timer = setTimeout(act, ms);
        timers.add(timer);
        return () => clearTimeout(timer);
      };
      let lingers = () => {};
      const end = () => {
        signalGroup(pid, "SIGTERM");
        after(GRACE_MS, () => signalGroup(pid, "SIGKILL"));
      };
      const pass = (why: Overrun) => {
        cut = true;
        overrun ??= why;
        end();
      };
      after(wallMs, () => pass("wall"));

      async function* output(): AsyncGenerator<Buffer> {
        const chunks = child.stdout.iterator();
        try {
          for (;;) {
            const heard = after(silenceMs, () => pass("silence"));
            const next: IteratorResult<Buffer, undefined> = await chunks.next();
            heard();
            if (next.done) return;
            if (!cut) yield next.value;
          }
        } finally {
          // Its end stays open while something is left in it.
          child.stdout.destroy();
        }
      }

      return {
        pid,
        output: output(),
        exited,
        resources: { cpuMs: undefined, peakMemoryBytes: undefined },
        processes: 1,
        progress() {},
        async stop() {
          asked = cut = true;
          if (child.exitCode === null && child.signalCode === null) end();
          await exited;
        },
        async kill() {
          asked = cut = true;
          signalGroup(pid, "SIGKILL");
          await exited;
        },
        endInput(ms) {
          child.stdin.end();
          lingers();
          lingers = ms === undefined ? () => {} : after(ms, end);
        },
      };
    },
  };
}

async function createFolders(parent: string): Promise<RunFolder> {
  const path = await mkdtemp(join(parent, "run-"));
  const folder = { path, work: join(path, "work"), home: join(path, "home"), tmp: join(path, "tmp") };
  for (const part of [folder.work, folder.home, folder.tmp]) await mkdir(part, { mode: 0o700 });
  return folder;
}

function signalGroup(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name);
  } catch {
    // Gone.
  }
}
