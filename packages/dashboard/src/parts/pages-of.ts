import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { type ApiError, outcome } from "../api.js";

interface PageOf<Row> {
  readonly rows: readonly Row[];
  readonly nextPageToken: string;
}

/**
 * A list that is read page by page. `more` reads the next page, and does nothing while one is being read or when there is
 * none. `refresh` reads the first page again and puts it in front of the others. A changed `question` begins anew.
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
  const empty = { question, rows: [] as readonly Row[], next: "", loaded: false };
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
      const next = state.loaded && older.length > 0 ? state.next : nextPageToken;
      return { question, rows: [...rows, ...older], next, loaded: true };
    });
  };
  useEffect(() => {
    refresh();
    return () => reading.current?.abort();
  }, [question]);
  const more = useCallback(() => {
    if (reading.current || state.next === "") return;
    void fetchPage(state.next, ({ rows, nextPageToken }) => {
      const known = new Set(state.rows.map(rowKey));
      const added = rows.filter((row) => !known.has(rowKey(row)));
      return { question, rows: [...state.rows, ...added], next: nextPageToken, loaded: true };
    });
  }, [state]);
  return { rows: state.rows, loaded: state.loaded, hasMore: state.next !== "", error, more, refresh };
}
