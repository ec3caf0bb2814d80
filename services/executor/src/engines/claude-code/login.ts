import { basename, dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { at, inFolder, type Json, numberAt, openFolder, parseObject, type RunReader, textAt } from "@ccsp/engine-kit";

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
  /** Lets a CLI that has the file refresh it. Never rejects. */
  readonly refresh: () => Promise<void>;
  /** Returns the time in ms since the epoch. */
  readonly now?: () => number;
}

export interface Login {
  /**
   * Waits in the line, first come first served. Resolves to undefined if the run need not wait. Rejects when `unwanted`
   * aborts; then the runs behind it move up.
   */
  turn(unwanted?: AbortSignal): Promise<Turn | undefined>;
  /**
   * The file's token for a request of a run that does not have the file. Refreshes the login first if it is about to
   * end: no run can. Rejects if the file has none.
   */
  token(): Promise<string>;
  /**
   * The provider has refused this token of the file. Refreshes the login, unless the file has another token by now.
   * Resolves to the other token; undefined: there is none.
   */
  renew(refused: string): Promise<string | undefined>;
  /**
   * What a run gets in place of the file: the same login with this token, and nothing with which to refresh it. Empty if
   * there is no login.
   */
  standIn(token: string): Promise<string>;
}

/** The CLI refreshes a login that ends within this time. The value includes a margin for clock differences. */
const SOON_MS = 10 * 60_000;
const POLL_MS = 250;
/** The file has less than 1 KiB, and more where the CLI keeps the logins of MCP servers in it. */
const MOST_BYTES = 1024 * 1024;
/** If a run shows nothing within this time, it waits for something other than the login. */
const LONGEST_MS = 60_000;
/** The CLI refreshes a login that ends within five minutes. */
const SURELY_MS = 4 * 60_000;
/** A refresh that fails is tried again after this time. */
const REFRESH_EVERY_MS = 60_000;
/** The CLI takes its default model and its features by these. */
const OF_THE_PLAN = ["scopes", "subscriptionType", "rateLimitTier"];
/** 1 January 2100. */
const NEVER_MS = 4_102_444_800_000;

/**
 * Lets runs start one after the other while their interactive login is about to end. CLIs that refresh it at the same
 * time log each other out. The next run starts when the file has a later end time, or when the previous run has written
 * text, has used a tool or is over. Runs that do not have the file get its token by `token`.
 */
export function createLogin({ file, refresh, now = Date.now }: LoginOptions): Login {
  let last: Promise<void> = Promise.resolve();
  let refreshing: Promise<void> | undefined;
  let refreshedAt = -Infinity;

  const read = async () => (file === undefined ? undefined : await readLogin(file));
  const endsWithin = async (ms: number): Promise<boolean> => {
    const endMs = numberAt(await read(), "expiresAt");
    return endMs !== undefined && endMs - now() < ms;
  };
  const endsSoon = () => endsWithin(SOON_MS);
  /** All that ask meanwhile wait for the same. */
  const refreshOnce = async (): Promise<void> => {
    if (refreshing === undefined && now() - refreshedAt < REFRESH_EVERY_MS) return;
    refreshing ??= refresh().finally(() => {
      refreshedAt = now();
      refreshing = undefined;
    });
    await refreshing;
  };

  const heldToken = async () => textAt(await read(), "accessToken");

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

    async token() {
      if (await endsWithin(SURELY_MS)) await refreshOnce();
      const token = await heldToken();
      if (token === undefined) throw new Error("the file of the login has no token");
      return token;
    },

    async renew(refused) {
      if ((await heldToken()) === refused) await refreshOnce();
      const token = await heldToken();
      return token === refused ? undefined : token;
    },

    async standIn(token) {
      const login = await read();
      if (login === undefined) return "";
      const same = Object.fromEntries(OF_THE_PLAN.map((name) => [name, at(login, name)]));
      return JSON.stringify({ claudeAiOauth: { accessToken: token, expiresAt: NEVER_MS, ...same } });
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

/** Undefined if the file is missing or is not as the CLI writes it: a run may have put a link or a pipe there. */
async function readLogin(file: string): Promise<Json | undefined> {
  try {
    const read = await inFolder(openFolder(dirname(file)), (folder) =>
      folder.read(basename(file), { mostBytes: MOST_BYTES }),
    );
    const credentials = read && parseObject(Buffer.from(read));
    return at(credentials, "claudeAiOauth");
  } catch {
    return undefined;
  }
}
