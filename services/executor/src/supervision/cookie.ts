/** The variable that every process of a run inherits, so that it is found also when it left its process group. */
export const COOKIE_NAME = "CCSP_RUN";

/** Which run a process belongs to. */
export interface Cookie {
  readonly executorId: string;
  readonly bootId: string;
  /** `<task id>:<fence>`. */
  readonly run: string;
}

export const formatCookie = ({ executorId, bootId, run }: Cookie): string => `${executorId}/${bootId}/${run}`;

/** Undefined for what is not a cookie. */
export function parseCookie(value: string): Cookie | undefined {
  const [executorId, bootId, run, ...rest] = value.split("/");
  if (executorId === undefined || bootId === undefined || run === undefined || rest.length > 0) return undefined;
  return { executorId, bootId, run };
}
