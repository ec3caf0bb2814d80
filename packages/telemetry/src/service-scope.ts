import { AsyncLocalStorage } from "node:async_hooks";

/** The service that makes a span. */
export interface ServiceIdentity {
  /** Without the prefix, such as `queue`. */
  readonly name: string;
  /** CCSP_INSTANCE. */
  readonly instance: string;
}

const scope = new AsyncLocalStorage<ServiceIdentity>();
let first: ServiceIdentity | undefined;

/**
 * Runs `work` as this service: the spans of everything that it starts are of this service. So each service has its own
 * resource, also where five of them share a process and its exporter.
 */
export function inService<T>(service: ServiceIdentity, work: () => T): T {
  first ??= service;
  return scope.run(service, work);
}

/** The service whose code runs now. If that is not known, the first of this process. Undefined: there is none. */
export const currentService = (): ServiceIdentity | undefined => scope.getStore() ?? first;
