import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { type ApiError, outcome } from "../api.js";
import { useRetry } from "../retry.js";

interface PageOf<Row> {
  readonly rows: readonly Row[];
  readonly nextPageToken: string;
}

/** Rows that `refresh` puts in front of the others, before the list starts again: a page can be open for days. */
const MOST_ADDED = 1000;

/**
 * A list that is read page by page. `more` reads the next page, and does nothing while one is being read or when there is
 * none. `refresh` reads the first page again and puts it in front of the others. The list starts again when `question`
 * has changed, when rows between the first page and the others were not read, and when it would grow without end.
 */
export function usePages<Row>(
  question: string,
  read: (pageToken: string, signal: AbortSignal) => Promise<PageOf<Row>>,
  rowKey: (row: Row) => string,
): {
  readonly rows: readonly Row[];
  readonly loaded: boolean;
  /** The last page has not been read. */
  readonly hasMore: boolean;
  readonly error: ApiError | undefined;
  readonly more: () => void;
  readonly refresh: () => void;
} {
  const empty = { question, rows: [] as readonly Row[], next: "", loaded: false, added: 0 };
  const [kept, setKept] = useState(empty);
  const [error, setError] = useState<ApiError | undefined>(undefined);
  const reading = useRef<AbortController | undefined>(undefined);
  const state = kept.question === question ? kept : empty;

  const fetchPage = async (token: string, join: (page: PageOf<Row>) => typeof kept): Promise<void> => {
    reading.current?.abort();
    const mine = new AbortController();
    reading.current = mine;
    const { answer, error } = await outcome(read(token, mine.signal));
    if (mine.signal.aborted) return;
    reading.current = undefined;
    setError(error);
    if (answer) setKept(join(answer));
  };
  const refresh = (): void => {
    void fetchPage("", ({ rows, nextPageToken }) => {
      const fresh = new Set(rows.map(rowKey));
      const older = state.rows.filter((row) => !fresh.has(rowKey(row)));
      const apart = older.length === state.rows.length && nextPageToken !== "";
      const added = state.added + rows.length + older.length - state.rows.length;
      if (!state.loaded || apart || added > MOST_ADDED)
        return { question, rows, next: nextPageToken, loaded: true, added: 0 };
      const next = older.length > 0 ? state.next : nextPageToken;
      return { question, rows: [...rows, ...older], next, loaded: true, added };
    });
  };
  useEffect(() => {
    refresh();
    return () => reading.current?.abort();
  }, [question]);
  useRetry(error, refresh);
  const more = useCallback(() => {
    if (reading.current || state.next === "") return;
    void fetchPage(state.next, ({ rows, nextPageToken }) => {
      const known = new Set(state.rows.map(rowKey));
      const added = rows.filter((row) => !known.has(rowKey(row)));
      return { ...state, rows: [...state.rows, ...added], next: nextPageToken };
    });
  }, [state]);
  return { rows: state.rows, loaded: state.loaded, hasMore: state.next !== "", error, more, refresh };
}
