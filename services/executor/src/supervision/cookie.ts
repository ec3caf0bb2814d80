/**
 * Name of the variable that every process of a run inherits. With it, a process is found even after it left its process
 * group.
 */
export const COOKIE_NAME = "CCSP_RUN";

/** The run that a process belongs to. */
export interface Cookie {
  readonly executorId: string;
  readonly bootId: string;
  /** `<task id>:<fence>`. */
  readonly run: string;
}

export const formatCookie = ({ executorId, bootId, run }: Cookie): string => `${executorId}/${bootId}/${run}`;

/** Undefined if the value is not a cookie. */
export function parseCookie(value: string): Cookie | undefined {
  const [executorId, bootId, run, ...rest] = value.split("/");
  if (executorId === undefined || bootId === undefined || run === undefined || rest.length > 0) return undefined;
  return { executorId, bootId, run };
}
