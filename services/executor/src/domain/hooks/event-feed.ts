import type { EngineEvent, HookRun } from "@ccsp/engine-kit";
import { within } from "@ccsp/timing";
import { type Clock, timerOf } from "../clock.js";
import type { HookCalls, InstalledHook } from "./hook-calls.js";

/** Events that wait for a hook: at most so many, with so many UTF-16 units of text, and one. */
const MOST_EVENTS = 256;
const MOST_TEXT = 256 * 1024;

/** Tells one hook of one run's events, one after the other, beside the run. */
export interface EventFeed {
  /**
   * Resolves at once: an event for which there is no room is dropped, and counted. With a required hook it resolves when there is room.
   */
  add(event: EngineEvent): Promise<void>;
  /** Nothing more comes. Resolves when the hook knows all; one that is not required, or whose run was `stopped`, has the time of one call for it. */
  end(stopped: boolean): Promise<void>;
}

export interface EventFeedOptions {
  readonly installed: InstalledHook;
  readonly run: HookRun;
  readonly calls: HookCalls;
  readonly clock: Clock;
  /** Called once, when a required hook has failed: it is told of nothing more. */
  readonly onBroken: () => void;
}

export function createEventFeed({ installed, run, calls, clock, onBroken }: EventFeedOptions): EventFeed {
  let waiting: EngineEvent[] = [];
  let text = 0;
  let over = false;
  let failures = 0;
  let working: Promise<void> | undefined;
  let room: (() => void)[] = [];

  const isFull = () => !over && (waiting.length >= MOST_EVENTS || text >= MOST_TEXT);

  async function tell(event: EngineEvent): Promise<void> {
    const told = await calls.call({
      installed,
      point: "on-event",
      taskId: run.request.taskId,
      act: (hook, signal) => hook.onEvent?.(run, event, signal),
      // A hook that fails once fails with every word, as a rule.
      level: failures === 0 ? "warn" : "debug",
    });
    if (!told.failed) return;
    failures++;
    if (!installed.required) return;
    over = true;
    onBroken();
  }

  async function work(): Promise<void> {
    for (let event = waiting.shift(); event && !over; event = waiting.shift()) {
      text -= sizeOf(event);
      await tell(event);
      const resumed = room;
      room = [];
      for (const resume of resumed) resume();
    }
    working = undefined;
  }

  return {
    async add(event) {
      if (isFull() && !installed.required) return calls.dropped(installed, 1);
      while (isFull()) await new Promise<void>((resume) => room.push(resume));
      if (over) return;
      waiting.push(event);
      text += sizeOf(event);
      working ??= work();
    },
    async end(stopped) {
      if (installed.required && !stopped) return await working;
      await within(installed.timeoutMs, Promise.resolve(working), () => undefined, { timer: timerOf(clock) });
      over = true;
      calls.dropped(installed, waiting.length);
      waiting = [];
    },
  };
}

const sizeOf = (event: EngineEvent): number => (event.type === "text" ? event.text.length : 0);
