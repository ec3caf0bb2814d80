import { randomUUID } from "node:crypto";
import type { Handlers } from "@ccsp/grpc-kit";
import type { Event } from "@ccsp/protos/ccsp/event/v1/event.js";
import type { MonitorServiceService } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import type { RedisClient } from "@ccsp/redis-kit";
import type { SignalSource } from "../signals/signal.js";
import type { Duty } from "../state/leader.js";
import { openState } from "../state/state-store.js";
import { afterRun, type Deciding, firstSeen, nameOf, type Waits } from "./domain/session.js";
import { sessionHandlers } from "./handlers.js";
import { type KeeperOptions, MOST_SESSIONS, SessionKeeper, updateSession } from "./keeper.js";
import { createPorts, type Services } from "./ports.js";
import { sessionSignals } from "./signals.js";
import { parseSession } from "./stored.js";

export interface SessionsOptions extends Services {
  readonly redis: RedisClient;
  readonly waits: Waits;
  readonly count: NonNullable<KeeperOptions["count"]>;
}

export interface Sessions {
  readonly handlers: Pick<Handlers<MonitorServiceService>, "listSessions" | "confirmSession" | "checkSession">;
  readonly signals: SignalSource;
  readonly duties: readonly Duty[];
  /**
   * To be called with each event. A successful run proves a session. It never rejects: the proof only spares a probe, and
   * the event is not to be delivered again because of it.
   */
  see(event: Event): Promise<void>;
}

/** The first wait after a fault of a whole pass. */
const AGAIN_MS = 1_000;

/** The sessions: their state in Redis, the duty that keeps them, and their RPCs. */
export function openSessions(options: SessionsOptions): Sessions {
  const { redis, waits, log, count } = options;
  const store = openState({ redis, log, part: "sessions", parse: parseSession });
  const deciding = (): Deciding => ({ nowMs: Date.now(), waits, newId: randomUUID });
  const keeper = new SessionKeeper({ store, ports: createPorts(options), waits, log, now: () => Date.now(), count });
  const proven = new Map<string, number>();
  return {
    handlers: sessionHandlers({ store, deciding }),
    signals: sessionSignals(store),
    duties: [{ name: "sessions", everyMs: AGAIN_MS, turn: (stop) => keeper.keep(stop) }],

    async see({ data, time }) {
      if (data?.$case !== "taskCompleted" || time === undefined) return;
      const { engine, account, attempt } = data.value;
      if (attempt === 0) return;
      const name = nameOf({ engine, account });
      const ms = time.getTime();
      // A busy account has many runs a second. One of them in a quarter of the interval is proof enough.
      if (Math.abs(ms - (proven.get(name) ?? 0)) < waits.intervalMs / 4) return;
      // What was proven long ago says nothing any more, and accounts that are gone would stay.
      if (proven.size >= MOST_SESSIONS) proven.clear();
      proven.set(name, ms);
      try {
        const ran = () => updateSession(store, name, (now) => afterRun(now, ms, deciding()));
        if (await ran()) return;
        if ((await store.names()).size >= MOST_SESSIONS) return;
        // The run of a new executor ended before the first look at its accounts.
        await store.change({ name, before: undefined, after: firstSeen({ engine, account }, deciding()) });
        await ran();
      } catch (err) {
        proven.delete(name);
        log.warn({ err, engine, account }, "a run could not be noted as the proof of its session");
      }
    },
  };
}
