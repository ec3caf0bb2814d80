/** A path below `/api/v2`, and the calls that it stands for. */
export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Names in braces are fields of the request: `/tasks/{taskId}`. */
  readonly path: string;
  /**
   * The RPCs behind it. With both, the caller's scopes decide: who may call the one of OperatorService gets it, and so
   * sees the tasks of all agents.
   */
  readonly operator?: string;
  readonly agent?: string;
  /** The HTTP status of success. Default: 200. */
  readonly status?: number;
}

/** The one source of the paths: the server, its OpenAPI and the tests read it. */
export const ROUTES: readonly Route[] = [
  { method: "GET", path: "/me", operator: "WhoAmI" },
  { method: "GET", path: "/queue/status", operator: "GetStatus" },
  { method: "POST", path: "/tasks", agent: "SubmitTask", status: 201 },
];
