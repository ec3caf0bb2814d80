import { basename, dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { inFolder, numberAt, openFolder, parseObject, type RunReader } from "@ccsp/engine-kit";

/** A place in the waiting line of runs that may have to refresh the login. */
export interface Turn {
  /** Passes the turn on when the run shows that its login works: the run wrote text or used a tool. */
  watch<W extends string>(reader: RunReader<W>): RunReader<W>;
  /** Passes the turn on immediately. */
  readonly end: () => void;
}

export interface LoginOptions {
  /** The CLI's credentials file, by a path without links. Undefined: the login is a key or a long-lived token, which no CLI refreshes. */
  readonly file: string | undefined;
  /** Returns the time in ms since the epoch. */
  readonly now?: () => number;
}

export interface Login {
  /**
   * Waits in the line, first come first served. Resolves to undefined if the run need not wait. Rejects when `unwanted`
   * aborts; then the runs behind it move up.
   */
  turn(unwanted?: AbortSignal): Promise<Turn | undefined>;
}

/** The CLI refreshes a login that ends within this time. The value includes a margin for clock differences. */
const SOON_MS = 10 * 60_000;
const POLL_MS = 250;
/** The file has less than 1 KiB, and more where the CLI keeps the logins of MCP servers in it. */
const MOST_BYTES = 1024 * 1024;
/** If a run shows nothing within this time, it waits for something other than the login. */
const LONGEST_MS = 60_000;

/**
 * Lets runs start one after the other while their interactive login is about to end. CLIs that refresh it at the same
 * time log each other out. The next run starts when the file has a later end time, or when the previous run has written
 * text, has used a tool or is over. It reads only the end time from the file.
 */
export function createLogin({ file, now = Date.now }: LoginOptions): Login {
  let last: Promise<void> = Promise.resolve();

  const endsSoon = async (): Promise<boolean> => {
    const endMs = file === undefined ? undefined : await readEnd(file);
    return endMs !== undefined && endMs - now() < SOON_MS;
  };

  return {
    async turn(unwanted) {
      // Joins the line before it reads the file: reads do not finish in the order in which they began.
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
        throw new Error("the run ended before its turn to refresh the login came");
      }
      if (!(await endsSoon())) end();
      return { end, watch: (reader) => watched(reader, end) };
    },
  };
}

/** Waits for the turn. Resolves to true if the signal aborts first. */
async function left(turn: Promise<void>, signal: AbortSignal | undefined): Promise<boolean> {
  if (!signal) return turn.then(() => false);
  const leaving = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await Promise.race([turn, leaving]);
  return signal.aborted;
}

/** Resolves when the run passes the turn on, when the login is refreshed, or after LONGEST_MS. */
async function ended(signal: AbortSignal, endsSoon: () => Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + LONGEST_MS;
  while (!signal.aborted && performance.now() < giveUpAt && (await endsSoon())) {
    await delay(POLL_MS, undefined, { signal }).catch(() => {});
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

/**
 * The end of the access token in ms since the epoch. Undefined if the field is missing, or the file is missing or is
 * not as the CLI writes it: a run may have put a link or a pipe there.
 */
async function readEnd(file: string): Promise<number | undefined> {
  try {
    const read = await inFolder(openFolder(dirname(file)), (folder) =>
      folder.read(basename(file), { mostBytes: MOST_BYTES }),
    );
    const credentials = read && parseObject(Buffer.from(read));
    return numberAt(credentials, "claudeAiOauth", "expiresAt");
  } catch {
    return undefined;
  }
}
