import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { numberAt, parseObject, type RunReader } from "@ccsp/engine-kit";

/** A place in the line of runs that may have to refresh the login. */
export interface Turn {
  /** Passes the turn on when the run has shown that its login works: it wrote text, or used a tool. */
  watch<W extends string>(reader: RunReader<W>): RunReader<W>;
  /** Passes it on now. */
  readonly end: () => void;
}

export interface LoginOptions {
  /** The CLI's credentials file; undefined: the login is a key or a long-lived token, which nobody refreshes. */
  readonly file: string | undefined;
  /** Ms since the epoch. */
  readonly now?: () => number;
}

export interface Login {
  /** Waits in line, first come first served. Undefined: there is no need to. Rejects when `unwanted` aborts; whoever is behind moves up. */
  turn(unwanted?: AbortSignal): Promise<Turn | undefined>;
}

/** The CLI refreshes a login that ends so soon; with some room for clocks. */
const SOON_MS = 10 * 60_000;
const LOOK_MS = 250;
/** A run that has not shown anything by then waits for something else. */
const LONGEST_MS = 60_000;

/**
 * Lets runs start one after the other while their interactive login is about to end: CLIs that refresh it at the same time log each other
 * out. The next one starts when the file has a later end, or the one before it has written text, used a tool, or is over. Of the file's content only that
 * time is looked at.
 */
export function createLogin({ file, now = Date.now }: LoginOptions): Login {
  let last: Promise<void> = Promise.resolve();

  const endsSoon = async (): Promise<boolean> => {
    const endMs = file === undefined ? undefined : await readEnd(file);
    return endMs !== undefined && endMs - now() < SOON_MS;
  };

  return {
    async turn(unwanted) {
      // In line before the file was looked at: reads do not end in the order in which they began.
      const before = last;
      const over = new AbortController();
      const { signal } = over;
      last = before.then(() => ended(signal, endsSoon));
      const end = () => over.abort();
      if (!(await endsSoon())) {
        end();
        return undefined;
      }
      if (await left(before, unwanted)) {
        end();
        throw new Error("nobody wants the run any more: it leaves the line of those that may refresh the login");
      }
      if (!(await endsSoon())) end();
      return { end, watch: (reader) => watched(reader, end) };
    },
  };
}

/** Whether the signal aborted before the turn came. */
async function left(turn: Promise<void>, signal: AbortSignal | undefined): Promise<boolean> {
  if (!signal) return turn.then(() => false);
  const leaving = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await Promise.race([turn, leaving]);
  return signal.aborted;
}

/** Resolves when the turn is passed on, the login was refreshed, or it took too long. */
async function ended(signal: AbortSignal, endsSoon: () => Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + LONGEST_MS;
  while (!signal.aborted && performance.now() < giveUpAt && (await endsSoon())) {
    await delay(LOOK_MS, undefined, { signal }).catch(() => {});
  }
}

const watched = <W extends string>(reader: RunReader<W>, end: () => void): RunReader<W> => ({
  transcript: reader.transcript,
  end: (exit) => reader.end?.(exit) ?? [],
  read(piece) {
    const events = reader.read(piece);
    if (events?.some(({ type }) => type !== "notice")) end();
    return events;
  },
});

/** When the access token ends; undefined where there is none. */
async function readEnd(file: string): Promise<number | undefined> {
  try {
    const credentials = parseObject(await readFile(file));
    return numberAt(credentials, "claudeAiOauth", "expiresAt");
  } catch {
    return undefined;
  }
}
