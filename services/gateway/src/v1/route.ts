import type { IncomingCall } from "../application/call.js";
import type { HttpDeps } from "../http/deps.js";

/** A request to a path of the predecessor, after its caller was let in. */
export interface V1Request extends Pick<HttpDeps, "agents" | "operators"> {
  readonly call: IncomingCall;
  readonly params: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  /** The fields of the body. Empty without one. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** What a path answers: data, or a sentence that says what was done. */
export interface V1Answer {
  readonly status?: number;
  readonly data?: object;
  readonly message?: string;
}

export interface V1Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Below `/api/v1`. */
  readonly path: string;
  /** The RPCs that it calls, such as `OperatorService/GetStatus`. Its caller needs the scopes of all. */
  readonly rpcs: readonly string[];
  /** What to call in its place. */
  readonly instead: string;
  readonly handle: (request: V1Request) => Promise<V1Answer>;
}
