import { Refusal } from "@ccsp/errors";
import { EMERGENCY_TOPIC, type Emergency, type EmergencyReceipt, endsRuns } from "../emergency/emergency.js";
import type { EmergencyStore } from "../emergency/emergency-store.js";
import type { Offer } from "../executors/executor-store.js";
import type { QueueObserver } from "../lifecycle/observer.js";
import type { Queue } from "../lifecycle/queue.js";
import type { Order } from "../order/order.js";
import { isTaskId } from "../task/shard.js";
import { TICK_MS } from "../wakes/wakes.js";
import type { Idle } from "./idle.js";
import type { Claimed, Grant, Heartbeat, LeaseStore, SyncFindings, SyncMark } from "./lease-store.js";

export interface SyncInput extends SyncMark {
  readonly held: Heartbeat["held"];
  readonly offers: readonly Offer[];
  readonly draining: boolean;
  readonly maxWaitMs: number;
  /** What it ended for an emergency stop; absent: it knows of none that ends runs. */
  readonly emergency?: EmergencyReceipt;
}

export interface SyncAnswer {
  readonly grants: readonly Grant[];
  readonly cancelled: SyncFindings["cancelled"];
  readonly lost: readonly string[];
  readonly nextSyncMs: number;
  /** How long each lease lasts that the call granted or renewed, from when it came. */
  readonly leaseMs: number;
  /** In force. */
  readonly emergency: Emergency | undefined;
}

export interface SyncOptions {
  readonly leaseMs: number;
  readonly engines: readonly string[];
  readonly order: Order;
  /** Aborts when this process begins to stop: waiting calls are answered, so that their executors ask another replica. */
  readonly stopping: AbortSignal;
}

/** How often an executor is heard while the store waits for what all of them hold. */
const HOLD_TICK_MS = 1_000;
const LONGEST_WAIT_MS = 20_000;
// Half of what a message may have, since one prompt more than this is possible.
const MAX_GRANT_BYTES = 8 * 1024 * 1024;

export type Sync = (input: SyncInput, signal: AbortSignal) => Promise<SyncAnswer>;

/** Claim, heartbeat, cancel and drain in one call: an executor says what it has and is told what to have. */
export function createSync(
  deps: { store: LeaseStore & EmergencyStore; queue: Queue; idle: Idle; observer: QueueObserver },
  { leaseMs, engines, order, stopping }: SyncOptions,
): Sync {
  const { store, queue, idle, observer } = deps;
  const told = createTold();

  // One that could not be confirmed for the moment keeps nobody waiting: the next Sync finds it again, if it is not done.
  const freeUnlisted = (id: string, fence: number): Promise<void> =>
    queue.freeLease(id, { how: "undelivered", fence }).catch((error: unknown) => {
      if (!(error instanceof Refusal && error.reason === "DEPENDENCY_UNAVAILABLE")) throw error;
    });

  const look = async (input: SyncInput, again: boolean): Promise<SyncFindings> => {
    const { executor, boot, sequence, draining, offers } = input;
    const strange = input.held.filter(({ id }) => !isTaskId(id));
    const held = strange.length > 0 ? input.held.filter(({ id }) => isTaskId(id)) : input.held;
    const findings = await store.sync({ executor, boot, sequence, draining, offers, held, leaseMs, again });
    if (findings === "stale") throw syncStale();
    for (const { id, fence } of findings.unlisted) await freeUnlisted(id, fence);
    const lost = [...findings.lost, ...strange.map(({ id }) => id)];
    const accountOf = (engine: string): string => offers.find((offer) => offer.engine === engine)?.account ?? "";
    for (const { id, fence } of findings.forgotten) {
      if (!(await queue.resumeLease(id, { executor, boot, fence, accountOf }, leaseMs))) lost.push(id);
    }
    return { ...findings, lost };
  };

  /** Asks Redis just behind the look, so in one go with it, unless that has found what must be settled before more is claimed. */
  const claim = async (
    { executor, boot, sequence, offers }: SyncInput,
    looking: SyncFindings | Promise<SyncFindings>,
    noteClaim: (engine: string, claim: Claimed) => void,
  ) => {
    const grants: Grant[] = [];
    let [bytes, waitMs, early] = [0, TICK_MS, looking instanceof Promise];
    for (const { engine, account, freeSlots } of offers) {
      if (freeSlots <= 0 || bytes >= MAX_GRANT_BYTES) continue;
      const maxBytes = MAX_GRANT_BYTES - bytes;
      const wanted = { engine, account, count: freeSlots, leaseMs, maxBytes, order };
      const claimed = { executor, boot, sequence, ...wanted };
      let got = await store.claim({ ...claimed, early });
      if (typeof got === "string" && early) {
        await looking;
        early = false;
        got = await store.claim({ ...claimed, early });
      }
      if (typeof got === "string") throw syncStale();
      noteClaim(engine, got);
      for (const grant of got.grants) {
        bytes += grant.prompts.byteLength;
        if (!grant.again) observer.leased(grant.task);
      }
      grants.push(...got.grants);
      if (got.pins) waitMs = Math.min(waitMs, got.waitMs ?? TICK_MS);
    }
    return { grants, waitMs };
  };

  return async (asked, signal) => {
    const offers = asked.offers.filter(({ engine }) => engines.includes(engine));
    const input = { ...asked, offers };
    const nextSyncMs = leaseMs / 3;
    // The next Sync renews what is held now, so it must not come later than the one after a third of the lease.
    const longestMs = input.held.length > 0 ? Math.min(LONGEST_WAIT_MS, nextSyncMs) : LONGEST_WAIT_MS;
    const end = performance.now() + Math.min(input.maxWaitMs, longestMs);
    const stop = AbortSignal.any([signal, stopping]);

    // A full executor waits for the cancel of what it holds; new tasks are no news to it.
    const open = offers.filter(({ freeSlots }) => freeSlots > 0);
    const waiting = idle.wait(input.executor, open, [EMERGENCY_TOPIC]);
    let seen: { readonly findings: SyncFindings; readonly ms: number } | undefined;
    let woken: Awaited<ReturnType<typeof waiting.next>> = { engines: new Set(), others: false };
    try {
      for (let again = false; ; again = true) {
        const ms = performance.now();
        // Word of its engines says that there may be a task, and nothing of what it holds: it claims, and looks when the tick is due.
        const stillSeen =
          seen && ms - seen.ms < TICK_MS && seen.findings.holdMs === 0 && woken.engines.size > 0 && !woken.others;
        const looking = seen && stillSeen ? seen.findings : look(input, again);
        if (input.emergency && !again) {
          await looking;
          await store.keepReceipt(input.executor, input.emergency);
        }
        // Nobody would hear of what is claimed for a caller that gave up.
        const claimsNothing = input.draining || signal.aborted;
        const wanted = stillSeen ? { ...input, offers: open.filter(({ engine }) => woken.engines.has(engine)) } : input;
        const [findings, { grants, waitMs }] = await Promise.all([
          looking,
          claimsNothing ? { grants: [], waitMs: TICK_MS } : claim(wanted, looking, waiting.claimed),
        ]);
        const { cancelled, lost, holdMs, emergency } = findings;
        const news = grants.length + cancelled.length + lost.length > 0 || told.isNews(input, emergency);
        const leftMs = end - performance.now();
        // Only a new call counts as its word.
        const isAwaited = again && holdMs > 0;
        if (news || isAwaited || input.draining || leftMs <= 0 || stop.aborted) {
          told.note(input, emergency);
          return { grants, cancelled, lost, nextSyncMs, leaseMs, emergency };
        }
        const holdTickMs = holdMs > 0 ? Math.min(holdMs, HOLD_TICK_MS) : waitMs;
        if (!seen || !stillSeen) seen = { findings, ms };
        const lookMs = seen.ms + TICK_MS - performance.now();
        woken = await waiting.next(Math.max(0, Math.min(leftMs, lookMs, waitMs, holdTickMs)), stop);
      }
    } finally {
      waiting.close();
    }
  };
}

/** Which emergency stop each executor was told of here, so that it hears of another, and of the end, at once. */
function createTold() {
  const ids = new Map<string, string>();
  const processOf = ({ executor, boot }: SyncMark): string => `${executor}/${boot}`;
  return {
    isNews(input: SyncInput, emergency: Emergency | undefined): boolean {
      // An executor that ends runs says so; an answer that told it of others may have been lost, which is no harm.
      const unsaid = endsRuns(emergency) ? undefined : ids.get(processOf(input));
      return (input.emergency?.id ?? unsaid) !== emergency?.id;
    },
    note(input: SyncInput, emergency: Emergency | undefined): void {
      if (emergency) ids.set(processOf(input), emergency.id);
      else ids.delete(processOf(input));
    },
  };
}

function syncStale(): Refusal {
  return new Refusal("SYNC_STALE", "a newer Sync of this executor was seen");
}
