import { rawRpc } from "@ccsp/e2e-kit/rpcs.js";
import { CallError, createClient } from "@ccsp/grpc-kit";
import { scaled } from "@ccsp/testkit";
import { type ChannelCredentials, status } from "@grpc/grpc-js";

/** How a call ended: `in` if the server let it in, or why it did not. */
export type Outcome = string;

/** A channel to one service, with the proof of one caller. */
export interface Caller {
  readonly target: string;
  readonly credentials?: ChannelCredentials | undefined;
  /** The value of the header `authorization`. */
  readonly authorization?: string | undefined;
}

/** The reasons for which a caller is not let in. Any other answer comes from behind the check. */
const NOT_LET_IN: readonly (string | undefined)[] = [
  "CERTIFICATE_REFUSED",
  "TOKEN_MISSING",
  "TOKEN_INVALID",
  "TOKEN_EXPIRED",
  "TOKEN_REVOKED",
  "SCOPE_MISSING",
  // The gateway let it in, but could not reach the service behind it.
  "DEPENDENCY_UNAVAILABLE",
];

/** A caller is refused before the server reads a request. */
const EMPTY = { bytes: Buffer.alloc(0) };
const ANSWER_MS = 10_000;
/** Each call opens a connection of its own. More handshakes at once would not end in time on a busy machine. */
const ROWS_AT_ONCE = 3;

/** Makes the rows of a matrix, some at a time. */
export async function rowsOf<T, R>(rpcs: readonly T[], rowOf: (rpc: T) => Promise<R>): Promise<R[]> {
  const rows: R[] = [];
  const left = [...rpcs.entries()];
  const lane = async () => {
    for (let next = left.shift(); next; next = left.shift()) rows[next[0]] = await rowOf(next[1]);
  };
  await Promise.all(Array.from({ length: ROWS_AT_ONCE }, lane));
  return rows;
}

/**
 * Makes an empty call and says whether it was let in. A call that waits on the server is let in.
 */
export async function tryCall(path: string, { target, credentials, authorization }: Caller): Promise<Outcome> {
  const client = createClient({ call: rawRpc(path, true) }, target, {
    credentials,
    channelOptions: { "grpc.enable_retries": 0 },
  });
  try {
    const metadata = authorization === undefined ? {} : { authorization };
    for await (const _ of client.call(EMPTY, { timeoutMs: scaled(ANSWER_MS), metadata })) return "in";
    return "in";
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    return outcomeOf(error);
  } finally {
    client.close();
  }
}

function outcomeOf({ code, reason, answered, message }: CallError): Outcome {
  if (code === status.DEADLINE_EXCEEDED) return "in";
  if (!answered && code === status.UNAVAILABLE) {
    return message.includes("alert") ? "no connection" : `no connection: ${message}`;
  }
  if (NOT_LET_IN.includes(reason)) return reason ?? "";
  // A server without this RPC, and one whose rule is forgotten, let nobody in.
  return !answered || reason === "INTERNAL" ? `${status[code]} ${message}` : "in";
}

/** The matrix as text: a row for each RPC, a column for each caller. */
export function tableOf(columns: readonly string[], rows: ReadonlyMap<string, readonly Outcome[]>): string {
  const lines = [["RPC", ...columns], ...[...rows].map(([path, cells]) => [path, ...cells])];
  const widths = lines[0]?.map((_, i) => Math.max(...lines.map((cells) => cells[i]?.length ?? 0))) ?? [];
  return lines
    .map((cells) =>
      cells
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
