import type { Scope } from "@ccsp/identity";
import type { Rpc } from "./call.js";

interface Access {
  /** The caller needs all of them. */
  readonly scopes: readonly Scope[];
  /** Whether each call leaves an audit line: it does if it changes something. */
  readonly audited: boolean;
}

/** Who may make which call, and what is written about it. An RPC without a row does not compile. */
export const ACCESS: Readonly<Record<Rpc, Access>> = {
  submitTask: { scopes: ["tasks:submit"], audited: true },
  runTask: { scopes: ["tasks:submit", "tasks:read"], audited: true },
  watchTask: { scopes: ["tasks:read"], audited: false },
  getTask: { scopes: ["tasks:read"], audited: false },
  listTasks: { scopes: ["tasks:read"], audited: false },
  cancelTask: { scopes: ["tasks:cancel"], audited: true },
  submitTasks: { scopes: ["tasks:submit"], audited: true },
  retryTask: { scopes: ["tasks:submit"], audited: true },
  explainTask: { scopes: ["tasks:read"], audited: false },
  estimateTask: { scopes: ["tasks:read"], audited: false },
  putSchedule: { scopes: ["tasks:submit"], audited: true },
  listSchedules: { scopes: ["tasks:read"], audited: false },
  deleteSchedule: { scopes: ["tasks:cancel"], audited: true },
  getCapabilities: { scopes: [], audited: false },
};
