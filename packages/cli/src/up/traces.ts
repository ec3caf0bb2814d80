import type { Env } from "@ccsp/config";
import { MAX_SOCKET_BYTES, type Span, serveTraces, type TraceStore } from "@ccsp/trace-store";
import type { StateDir } from "../local-fleet/state.js";
import { messageOf } from "../process/exit.js";

/** With one of these settings, the user has decided where traces go. */
const USERS_CHOICE = [
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
  "OTEL_TRACES_EXPORTER",
  "OTEL_SDK_DISABLED",
];

/** The spans with which a task begins to wait and to run. Each other call, such as a list, has a trace of its own. */
const isOfTask = ({ name }: Span): boolean =>
  /^(task|queue\.(wait|schedule)|task\.attempt)$|Service\/(SubmitTasks?|RunTask|Enqueue(Batch)?|Run)$/.test(name);

/** The traces that a fleet keeps for `ccsp trace`. */
export interface Traces extends TraceStore {
  readonly socket: string;
}

/**
 * Opens the store of a local fleet, in this process. Undefined when the user sends traces elsewhere. A store that cannot
 * be opened does not keep the fleet from starting: `tell` says why, and the result is undefined.
 */
export async function openTraces(
  env: Env,
  { traceSocket: socket }: StateDir,
  tell: (text: string) => void,
): Promise<Traces | undefined> {
  if (USERS_CHOICE.some((name) => env[name])) return undefined;
  if (Buffer.byteLength(socket) > MAX_SOCKET_BYTES) {
    tell(
      `this fleet keeps no traces: the name of the socket ${socket} is longer than ${MAX_SOCKET_BYTES} bytes. A shorter ` +
        "folder in CCSP_STATE_DIR helps",
    );
    return undefined;
  }
  try {
    const store = await serveTraces(socket, { isWanted: isOfTask });
    return { ...store, settings: { ...store.settings, CCSP_GATEWAY_TRACES_URL: `unix://${socket}` }, socket };
  } catch (error) {
    tell(`this fleet keeps no traces: ${messageOf(error)}`);
    return undefined;
  }
}
