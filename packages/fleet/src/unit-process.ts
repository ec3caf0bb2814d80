import { access } from "node:fs/promises";
import { systemClock } from "./clock.js";
import { type FirstStart, watchFirstStart } from "./first-start.js";
import { keptOpen } from "./infrastructure.js";
import type { OnLine } from "./line-source.js";
import type { Unit } from "./plan.js";
import { type ManagedProcess, startProcess } from "./process.js";
import type { OnProgress } from "./progress.js";
import { type Supervisor, supervise } from "./supervise.js";

/** A process of the fleet and its supervisor. */
export interface Running {
  readonly unit: Unit;
  readonly firstStart: FirstStart;
  readonly supervisor: Supervisor<ManagedProcess>;
}

export interface UnitOptions {
  readonly root: string;
  readonly restart?: boolean | undefined;
  readonly onLine?: OnLine | undefined;
  readonly lockFd?: number | undefined;
  readonly say: (line: string) => void;
  readonly onProgress: OnProgress;
}

// Longer than a service's own drain limit (20 s), so that the service itself ends its drain.
const STOP_GRACE_MS = 30_000;
/** Starts a unit and keeps it running. Rejects if the unit was not built or cannot be started. */
export async function superviseUnit(unit: Unit, options: UnitOptions): Promise<Running> {
  const { root, restart = true, onLine, say, onProgress } = options;
  const file = unit.program().at(-1) ?? "";
  await access(file).catch(() => {
    throw new Error(`${file} does not exist: build first (make build)`);
  });
  let latest: ManagedProcess | undefined;
  const start = async () => {
    const child = await startProcess({
      name: unit.name,
      command: process.execPath,
      args: [...unit.program(), ...unit.programArgs],
      env: unit.env,
      cwd: root,
      keepOpen: keptOpen(options),
      onLine: (line, stream) => onLine?.(line, { name: unit.name, stream }),
    });
    latest = child;
    return { ...child, stop: () => child.stop(STOP_GRACE_MS) };
  };
  const firstStart = watchFirstStart(unit, onProgress);
  const supervisor = await supervise({
    start,
    clock: systemClock,
    restart,
    served: () => firstStart.served,
    onEnd: (ending, restartInMs) => {
      firstStart.ended(ending, latest?.lastLines() ?? []);
      const how =
        ending instanceof Error ? ending.message : `${unit.name} ended (${ending.signal ?? `exit ${ending.code}`})`;
      say(restartInMs === undefined ? `${how}; it stays down` : `${how}; restart in ${restartInMs} ms`);
    },
  }).catch((error: unknown) => {
    firstStart.stop();
    throw error;
  });
  return { unit, firstStart, supervisor };
}
