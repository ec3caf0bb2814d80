import type { EngineEvent, HookRun } from "@ccsp/engine-kit";
import { within } from "@ccsp/timing";
import { type Clock, timerOf } from "../clock.js";
import type { HookCalls, InstalledHook } from "./hook-calls.js";

/**
 * Limits of the events that wait for a hook: their number, and their text in UTF-16 code units. The last event may
 * exceed the text limit.
 */
const MOST_EVENTS = 256;
const MOST_TEXT = 256 * 1024;

/** Sends one run's events to one hook, one after the other, while the run continues. */
export interface EventFeed {
  /**
   * Resolves immediately. If the feed is full, the event is dropped and counted. With a required hook, a full feed
   * makes this wait until the feed has capacity again.
   */
  add(event: EngineEvent): Promise<void>;
  /**
   * To be called when no more events come. Resolves when the hook has all events. A hook gets at most the time of one
   * call for them if it is not required, or if its run was `stopped`.
   */
  end(stopped: boolean): Promise<void>;
}

export interface EventFeedOptions {
  readonly installed: InstalledHook;
  readonly run: HookRun;
  readonly calls: HookCalls;
  readonly clock: Clock;
  /** Called once, when a required hook has failed. The hook gets no more events. */
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
      // If a hook fails for one event, it usually fails for each piece of text.
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
