import { randomUUID } from "node:crypto";
import { backoffMs, pause } from "@ccsp/timing";
import type { Logger } from "pino";
import { failuresLog } from "../state/failures-log.js";
import type { Entry, StateStore } from "../state/state-store.js";
import {
  type Answer,
  afterIssue,
  afterLook,
  afterMail,
  afterPause,
  afterProbe,
  afterResume,
  type Changed,
  type Deciding,
  firstSeen,
  type GateView,
  type IssueSight,
  isDue,
  type Mail,
  nameOf,
  type Outage,
  type Session,
  type Waits,
  withProbe,
} from "./domain/session.js";

/** An engine and account that a connected executor has. */
export interface Offer {
  readonly engine: string;
  readonly account: string;
  readonly executorId: string;
  readonly address: string;
}

/** What the queue knows at one time. */
export interface Situation {
  readonly offers: readonly Offer[];
  /** An emergency stop lets nothing start. */
  readonly stopped: boolean;
  gate(session: Session): GateView;
}

/** What the sessions need of other services. Each call rejects when its service does not answer, and may be repeated. */
export interface SessionPorts {
  look(signal: AbortSignal): Promise<Situation>;
  probe(offer: Offer, signal: AbortSignal): Promise<Answer>;
  pause(session: Session, outage: Outage, signal: AbortSignal): Promise<void>;
  resume(session: Session, outage: Outage, signal: AbortSignal): Promise<void>;
  send(session: Session, mail: Mail, signal: AbortSignal): Promise<void>;
  /** The state of the issue about an outage: now, and after each change. */
  watch(outageId: string, signal: AbortSignal): AsyncIterable<IssueSight>;
}

export interface KeeperOptions {
  readonly store: StateStore<Session>;
  readonly ports: SessionPorts;
  readonly waits: Waits;
  readonly log: Logger;
  readonly now: () => number;
  /** Called with each answer, for a metric. */
  readonly count?: (answer: Answer["kind"]) => void;
  readonly newId?: () => string;
}

/** How soon a question of a person is seen. */
const LIST_MS = 1_000;
/** How soon a change of gates and executors is seen. */
const LOOK_MS = 5_000;
const PROBE_MS = 130_000;
const AGAIN = { firstMs: 2_000, longestMs: 60_000 };
/** A session that no executor has had for this long is forgotten, unless it is lost. */
const FORGET_MS = 24 * 60 * 60 * 1000;
const MOST_TRIES = 20;
/** Most sessions that are kept. Accounts beyond them are not probed. */
export const MOST_SESSIONS = 1_000;
/** Work that failed and was not tried again for this long, such as that of a forgotten session, begins afresh. */
const FORGIVE_MS = 10 * AGAIN.longestMs;

/**
 * Keeps the sessions: it finds them, probes them, and takes the steps that their states ask for. It is to be used by
 * one replica at a time. If two overlap, or one dies, the worst case is a repeated call: see `SessionState`.
 */
export class SessionKeeper {
  readonly #options: KeeperOptions;
  readonly #deciding: { readonly waits: Waits; readonly newId: () => string };
  /** Work in progress by its name. The same work does not begin again before it ends. */
  readonly #working = new Map<string, Promise<void>>();
  /** Work that failed: how often in a row, and from when on it may be tried again. */
  readonly #failed = new Map<string, { readonly times: number; readonly untilMs: number }>();
  /** The probes that this keeper makes. One that is stored and not among them died with its process. */
  readonly #probes = new Set<string>();
  readonly #watches = new Map<string, AbortController>();
  readonly #absentSince = new Map<string, number>();
  /** Accounts are left out. It was logged. */
  #full = false;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #again = new AbortController();

  constructor(options: KeeperOptions) {
    const { waits, newId = randomUUID } = options;
    this.#options = options;
    this.#deciding = { waits, newId };
  }

  /** Keeps the sessions until `stop` aborts, and resolves when no work is left. */
  async keep(stop: AbortSignal): Promise<void> {
    const failures = failuresLog(this.#options.log, {
      failed: "sessions could not be looked after, trying again",
      again: "sessions are looked after again",
    });
    try {
      while (!stop.aborted) {
        this.#again = new AbortController();
        await this.pass(stop).then(
          () => failures.succeeded(),
          (err: unknown) => {
            if (!stop.aborted) failures.failed(err);
          },
        );
        await pause(LIST_MS, AbortSignal.any([stop, this.#again.signal]));
      }
    } finally {
      for (const watch of this.#watches.values()) watch.abort();
      await this.settled();
    }
  }

  /** Begins all work that is due. `settled` waits for it. */
  async pass(stop: AbortSignal): Promise<void> {
    const { store, ports, now } = this.#options;
    // The gates are read after the sessions: an older look would show a gate that has been opened since as closed.
    const entries = await store.list();
    const nowMs = now();
    for (const entry of entries) this.#write(entry, stop);
    const hasWork = entries.some(({ value }) => this.#isUrgent(value, nowMs));
    if (!hasWork && Math.abs(nowMs - this.#lookedMs) < LOOK_MS) return;
    const situation = await ports.look(stop);
    this.#lookedMs = nowMs;
    await this.#meet(entries, situation);
    for (const entry of entries) {
      // One session that cannot be looked after must not stop the others.
      await this.#attend(entry, situation, stop).catch((err: unknown) => this.#postpone(entry.name, err, stop));
    }
    this.#tidy(entries);
  }

  /** Forgets what is known of sessions that are gone. */
  #tidy(entries: readonly Entry<Session>[]): void {
    const known = new Set(entries.map(({ name }) => name));
    for (const name of this.#absentSince.keys()) if (!known.has(name)) this.#absentSince.delete(name);
    const nowMs = this.#options.now();
    for (const [work, { untilMs }] of this.#failed)
      if (Math.abs(nowMs - untilMs) > FORGIVE_MS) this.#failed.delete(work);
  }

  /** Resolves when the work that has begun is done. Watches of issues go on. */
  async settled(): Promise<void> {
    const { size } = this.#working;
    await Promise.all(this.#working.values());
    if (this.#working.size > 0 && size > 0) await this.settled();
  }

  #isUrgent(session: Session, nowMs: number): boolean {
    if (this.#working.has(nameOf(session)) || this.#isResting(nameOf(session))) return false;
    return session.state === "lost" || session.state === "recovering" || isDue(session, nowMs);
  }

  /** Stores a session for each account that an executor has for the first time, and forgets those of long ago. */
  async #meet(entries: readonly Entry<Session>[], { offers }: Situation): Promise<void> {
    const { store, now, log } = this.#options;
    const known = new Set(entries.map(({ name }) => name));
    const offered = new Map(offers.map((offer) => [nameOf(offer), offer]));
    for (const [name, offer] of offered) {
      this.#absentSince.delete(name);
      if (known.has(name)) continue;
      if (known.size >= MOST_SESSIONS) {
        if (!this.#full) log.warn({ most: MOST_SESSIONS }, "there are more accounts than sessions that are kept");
        this.#full = true;
        continue;
      }
      known.add(name);
      const session = { ...firstSeen(offer, this.#decidingNow()), executors: executorsOf(offers, offer).length };
      await store.change({ name, before: undefined, after: session });
      log.info({ engine: offer.engine, account: offer.account }, "an account is known now");
    }
    if (known.size < MOST_SESSIONS) this.#full = false;
    for (const entry of entries) {
      const { name, value } = entry;
      if (offered.has(name)) continue;
      const since = this.#absentSince.get(name) ?? now();
      this.#absentSince.set(name, since);
      const idle = (value.state === "unproven" || value.state === "valid") && value.mail.length === 0;
      if (idle && Math.abs(now() - since) > FORGET_MS) await store.change({ name, before: entry, after: undefined });
    }
  }

  /** Takes the next step of one session. */
  async #attend(entry: Entry<Session>, situation: Situation, stop: AbortSignal): Promise<void> {
    const { name, value: session } = entry;
    if (this.#working.has(name) || this.#isResting(name) || stop.aborted) return;
    const gate = situation.gate(session);
    if (session.state === "lost") return this.#work(name, stop, () => this.#pause(session, gate, stop));
    if (session.state === "recovering") return this.#work(name, stop, () => this.#resume(session, gate, stop));
    const looked = afterLook(session, gate, this.#decidingNow());
    if (looked) return this.#store(entry, looked);
    const executors = executorsOf(situation.offers, session);
    const notChecked = whyNot(executors, situation.stopped);
    // A question is answered too when there is nobody to ask.
    const answered = notChecked === "" ? session.answered : session.asked;
    // What the last probe said stays until the next one.
    const stays = notChecked === "" && !HINDRANCES.includes(session.notChecked) ? session.notChecked : notChecked;
    const standing = { executors: executors.length, notChecked: stays, answered };
    if (isStale(session, standing)) return this.#store(entry, quiet({ ...session, ...standing }));
    const mine = session.probe !== undefined && this.#probes.has(session.probe);
    const orphaned = session.probe !== undefined && !mine;
    const executor = executors[session.probes % Math.max(1, executors.length)];
    if (notChecked !== "" || mine || executor === undefined) return;
    if (orphaned || isDue(session, this.#options.now())) {
      this.#work(name, stop, () => this.#probe(entry, executor, stop));
    }
  }

  async #pause(session: Session, gate: GateView, stop: AbortSignal): Promise<void> {
    const { outage } = session;
    // An account that a person has paused for an open time stays so: what that person meant is not to be lost.
    const paused = gate.kind === "ours" || (gate.kind === "other" && !gate.opens);
    if (outage && !paused) await this.#options.ports.pause(session, outage, stop);
    const told = gate.kind === "refused";
    await this.#update(session, (now) =>
      isSame(now, session) ? afterPause(now, told, this.#decidingNow()) : undefined,
    );
  }

  async #resume(session: Session, gate: GateView, stop: AbortSignal): Promise<void> {
    const { outage } = session;
    const closed = gate.kind === "ours" || gate.kind === "refused";
    if (outage && closed) await this.#options.ports.resume(session, outage, stop);
    await this.#update(session, (now) => (isSame(now, session) ? afterResume(now, this.#decidingNow()) : undefined));
  }

  /** Makes one probe. Its id is stored before, so that no other replica makes the same. */
  async #probe(entry: Entry<Session>, offer: Offer, stop: AbortSignal): Promise<void> {
    const { store, ports, count, log } = this.#options;
    const id = this.#deciding.newId();
    const { asked } = entry.value;
    this.#probes.add(id);
    try {
      const claimed = await store.change({ name: entry.name, before: entry, after: withProbe(entry.value, id) });
      if (typeof claimed === "string") return;
      const limit = AbortSignal.any([stop, AbortSignal.timeout(PROBE_MS)]);
      const answer = await ports.probe(offer, limit);
      stop.throwIfAborted();
      count?.(answer.kind);
      const { engine, account, executorId } = offer;
      log.info({ engine, account, executor: executorId, answer }, "session probed");
      await this.#update(entry.value, (now) =>
        now.probe === id ? afterProbe(now, answer, asked, this.#decidingNow()) : undefined,
      );
    } finally {
      this.#probes.delete(id);
    }
  }

  /** Sends the oldest mail of a session, and watches its issue. */
  #write({ name, value: session }: Entry<Session>, stop: AbortSignal): void {
    const [mail] = session.mail;
    const work = `mail ${name}`;
    if (mail && !this.#working.has(work) && !this.#isResting(work)) {
      this.#work(work, stop, async () => {
        await this.#options.ports.send(session, mail, stop);
        await this.#update(session, (now) => quiet(afterMail(now, mail.id)));
      });
    }
    const { outage } = session;
    const watched = outage?.notified && !session.mail.some(({ kind }) => kind === "lost") ? outage.id : undefined;
    for (const [id, watch] of this.#watches) {
      if (id.startsWith(`${name} `) && id !== `${name} ${watched}`) watch.abort();
    }
    const id = `${name} ${watched}`;
    if (watched !== undefined && !this.#watches.has(id) && !this.#isResting(id))
      void this.#watch(id, session, watched, stop);
  }

  async #watch(id: string, session: Session, outageId: string, stop: AbortSignal): Promise<void> {
    const ending = new AbortController();
    this.#watches.set(id, ending);
    const signal = AbortSignal.any([stop, ending.signal]);
    try {
      for await (const sight of this.#options.ports.watch(outageId, signal)) {
        this.#failed.delete(id);
        await this.#update(session, (now) => afterIssue(now, outageId, sight, this.#decidingNow()));
      }
      if (!signal.aborted) this.#rest(id);
    } catch (err) {
      if (signal.aborted) return;
      this.#rest(id);
      this.#options.log.info({ err, outage: outageId }, "the issue of a lost session cannot be watched now");
    } finally {
      this.#watches.delete(id);
    }
  }

  #work(name: string, stop: AbortSignal, work: () => Promise<void>): void {
    const begin = async (): Promise<void> => {
      try {
        await work();
        this.#failed.delete(name);
        this.#again.abort();
      } catch (err) {
        this.#postpone(name, err, stop);
      } finally {
        this.#working.delete(name);
      }
    };
    this.#working.set(name, begin());
  }

  #postpone(work: string, err: unknown, stop: AbortSignal): void {
    if (stop.aborted) return;
    this.#rest(work);
    this.#options.log.warn({ err, work }, "a step of a session failed, and will be tried again");
  }

  #rest(name: string): void {
    const times = (this.#failed.get(name)?.times ?? 0) + 1;
    this.#failed.set(name, { times, untilMs: this.#options.now() + backoffMs(times, AGAIN) });
  }

  #isResting(name: string): boolean {
    const untilMs = this.#failed.get(name)?.untilMs;
    const leftMs = (untilMs ?? 0) - this.#options.now();
    // A clock that went back makes no rest longer.
    return untilMs !== undefined && leftMs > 0 && leftMs <= AGAIN.longestMs;
  }

  #decidingNow(): Deciding {
    return { ...this.#deciding, nowMs: this.#options.now() };
  }

  async #store(entry: Entry<Session>, { session, events }: Changed): Promise<void> {
    await this.#options.store.change({ name: entry.name, before: entry, after: session, events });
    this.#again.abort();
  }

  async #update(session: Session, decide: (now: Session) => Changed | undefined): Promise<void> {
    await updateSession(this.#options.store, nameOf(session), decide);
  }
}

/**
 * Changes a stored session by a decision, again when another call changed it meanwhile. Undefined: there is no such
 * session. A decision that is undefined changes nothing.
 */
export async function updateSession(
  store: StateStore<Session>,
  name: string,
  decide: (now: Session) => Changed | undefined,
): Promise<Session | undefined> {
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const before = await store.get(name);
    if (before === undefined) return undefined;
    const changed = decide(before.value);
    if (changed === undefined) return before.value;
    const stored = await store.change({ name, before, after: changed.session, events: changed.events });
    if (stored !== "conflict") return changed.session;
  }
  throw new Error(`session ${name} changes too often`);
}

/** Whether the intent that was acted on still stands. */
const isSame = (now: Session, then: Session): boolean =>
  now.state === then.state && now.outage?.id === then.outage?.id && now.sinceMs === then.sinceMs;

const quiet = (session: Session): Changed => ({ session, events: [] });

const executorsOf = (offers: readonly Offer[], session: { readonly engine: string; readonly account: string }) =>
  offers.filter(({ engine, account }) => engine === session.engine && account === session.account);

const NO_EXECUTOR = "no executor with this account is connected";
export const STOPPED = "an emergency stop is in force";
const HINDRANCES: readonly string[] = [NO_EXECUTOR, STOPPED];

function whyNot(executors: readonly Offer[], stopped: boolean): string {
  if (executors.length === 0) return NO_EXECUTOR;
  return stopped ? STOPPED : "";
}

const isStale = (session: Session, now: Pick<Session, "executors" | "notChecked" | "answered">): boolean =>
  session.executors !== now.executors || session.notChecked !== now.notChecked || session.answered !== now.answered;
