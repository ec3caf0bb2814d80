import { isIPv6 } from "node:net";

export interface HostPort {
  /** A name or address; a v6 address without its brackets. */
  readonly host: string;
  readonly port: number;
}

/**
 * "host:port" or "[v6 address]:port"; undefined for anything else. With a `defaultPort` the port may be missing. Port 0, which takes a free one,
 * is only for who listens.
 */
export function parseHostPort(
  text: string,
  { defaultPort, lowest = 1 }: { defaultPort?: number; lowest?: 0 | 1 } = {},
): HostPort | undefined {
  const [, v6, name, written] = /^(?:\[([^\]]+)\]|([^:[\]\s/]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = v6 ?? name;
  const port = written === undefined ? defaultPort : Number(written);
  if (host === undefined || (v6 !== undefined && !isIPv6(v6))) return undefined;
  return port === undefined || port < lowest || port > 65_535 ? undefined : { host, port };
}
