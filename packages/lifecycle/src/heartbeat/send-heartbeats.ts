import { type HeartbeatRequest, InstanceState } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import { backoffMs, pause } from "@ccsp/timing";
import type { Logger } from "pino";
import type { Resource } from "../run.js";
import type { Heartbeat } from "./heartbeat.js";

export interface SenderOptions {
  readonly heartbeat: Pick<Heartbeat, "read">;
  readonly everyMs: number;
  /** Aborts when the stop begins. */
  readonly stopping: AbortSignal;
  readonly log: Logger;
}

/** Hands one heartbeat over. It must settle within `timeoutMs`, and when the signal aborts. */
export type SendHeartbeat = (
  request: HeartbeatRequest,
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
) => Promise<unknown>;

export interface HeartbeatSender extends Resource {
  /**
   * Sends a heartbeat now, every `everyMs`, when the stop begins, and a last one at `close`. One is sent at a time, and
   * a lost one is not repeated: the next one says all that it said. While the monitor is away, nothing piles up, and
   * the log says so once.
   */
  start(send: SendHeartbeat): void;
}

const SEND_MS = 5_000;
/** The last heartbeat must not delay a stop. */
const LAST_MS = 500;

/** After a heartbeat that failed, the next one comes sooner, so that a monitor that starts knows the fleet soon. */
const FIRST_AGAIN_MS = 1_000;

export function heartbeatSender({ heartbeat, everyMs, stopping, log }: SenderOptions): HeartbeatSender {
  const closing = new AbortController();
  let failures = 0;
  let heardAtMs = performance.now();
  let warned = false;
  let sending: { readonly send: SendHeartbeat; readonly ended: Promise<void> } | undefined;

  const failed = (err: unknown): void => {
    failures += 1;
    // Services of a fleet start together, so one heartbeat that fails is not news.
    if (warned || performance.now() - heardAtMs < 2 * everyMs) return;
    log.warn({ err }, "the monitor takes no heartbeats: this instance will look late, and serves on");
    warned = true;
  };
  const beat = async (send: SendHeartbeat, last = false): Promise<void> => {
    try {
      const request = await heartbeat.read(last ? InstanceState.STOPPED : undefined);
      await send(request, last ? { timeoutMs: LAST_MS } : { timeoutMs: SEND_MS, signal: closing.signal });
      if (warned) log.info("the monitor takes heartbeats again");
      [failures, heardAtMs, warned] = [0, performance.now(), false];
    } catch (err) {
      if (!closing.signal.aborted) failed(err);
    }
  };
  const pauseMs = (): number => {
    const again = backoffMs(failures, { firstMs: FIRST_AGAIN_MS, longestMs: everyMs, random: Math.random });
    return failures === 0 ? everyMs : Math.min(everyMs, again);
  };
  const repeat = async (send: SendHeartbeat): Promise<void> => {
    while (!closing.signal.aborted) {
      const told = stopping.aborted;
      await beat(send);
      // The beginning of the stop is told at once, and only once.
      await pause(pauseMs(), told ? closing.signal : AbortSignal.any([closing.signal, stopping]));
    }
  };
  return {
    start(send) {
      sending = { send, ended: repeat(send) };
    },
    async close() {
      closing.abort();
      await sending?.ended;
      // A monitor that did not take the one before would only delay the stop.
      if (sending && failures === 0) await beat(sending.send, true);
    },
  };
}
