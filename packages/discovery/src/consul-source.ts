import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { ConsulApi } from "./consul-api.js";
import type { Findings, Source } from "./grpc-resolver.js";
import { KnownInstances } from "./known-instances.js";

/**
 * Time for which an empty answer is ignored. In this time, a restarted Consul hears from all instances again: they
 * check their registration every 2 s.
 */
const EMPTY_GRACE_MS = 30_000;
/** A restarted -dev agent starts its index again. A watch on the old index would get no news for this long. */
const WAIT_MS = 10_000;
const RETRY_MS = 500;
/**
 * Shortest time between two questions, for an answer that came without a wait: a proxy between here and Consul may not
 * support waiting.
 */
const ASK_GAP_MS = 100;
/** A channel whose instances are all down asks again after each failed connection. */
const REFRESH_GAP_MS = 250;

/**
 * Watches the healthy instances of one name for one channel, with blocking queries. While Consul is away or empty, the
 * channel keeps the instances that it has.
 *
 * It does not use `consul.watch` of the package, for four reasons. After an error, `consul.watch` waits on its old
 * index, and a restarted agent corrects this only after the whole wait. It pauses for up to 30 s. It cannot be asked to
 * check at once, but a channel without a live instance needs this. It also reports content that did not change.
 */
export function openConsulSource(options: SourceOptions): Source {
  const inquiry = createInquiry(options);
  const closed = new AbortController();
  let restart = new AbortController();

  async function watch(): Promise<void> {
    while (!closed.signal.aborted) {
      const asked = performance.now();
      try {
        await inquiry.ask(restart.signal);
        const gapMs = ASK_GAP_MS - (performance.now() - asked);
        if (gapMs > 0) await sleep(gapMs, undefined, { signal: restart.signal, ref: false });
      } catch (error) {
        if (closed.signal.aborted) return;
        if (!restart.signal.aborted) {
          inquiry.failed(error);
          await sleep(RETRY_MS, undefined, { signal: closed.signal, ref: false }).catch(() => undefined);
        }
      }
      if (restart.signal.aborted) {
        restart = new AbortController();
        inquiry.startAnew();
      }
    }
  }

  let refreshed = 0;
  void watch();
  return {
    refresh() {
      const now = performance.now();
      if (now - refreshed < REFRESH_GAP_MS) return;
      refreshed = now;
      restart.abort();
    },
    close() {
      closed.abort();
      restart.abort();
    },
  };
}

interface SourceOptions {
  readonly api: ConsulApi;
  readonly name: string;
  readonly findings: Findings;
  readonly log: Logger;
}

/** Asks Consul once at a time, and reports news to `findings`. */
function createInquiry({ api, name, findings, log }: SourceOptions) {
  const known = new KnownInstances(EMPTY_GRACE_MS);
  let index = 0;
  let away = false;
  return {
    /** Waits for an answer that is newer than the last one, at most `WAIT_MS`. */
    async ask(signal: AbortSignal): Promise<void> {
      const answer = await api.passing(name, { index, waitMs: WAIT_MS, signal });
      if (away) log.info({ service: name }, "Consul answers again");
      away = false;
      // A lower index means that Consul began a new history. A wait on the old index would get no news.
      index = answer.index < index ? 0 : answer.index;
      const news = known.take(answer.addresses, performance.now());
      if (news === "none") findings.none("Consul knows no healthy instance");
      else if (news) findings.found(news.found);
    },

    failed(error: unknown): void {
      index = 0;
      if (!away) log.warn({ err: error, service: name }, "Consul does not answer; the known instances stay in use");
      away = true;
      if (known.empty) findings.failed(error instanceof Error ? error.message : String(error));
    },

    /** The next `ask` is answered at once. */
    startAnew(): void {
      index = 0;
    },
  };
}
