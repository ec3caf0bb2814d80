import { isIPv6 } from "node:net";

export interface HostPort {
  /** Name or address. An IPv6 address has no brackets here. */
  readonly host: string;
  readonly port: number;
}

/** Formats an address as `host:port`, with brackets around an IPv6 address. */
export const formatHostPort = ({ host, port }: HostPort): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

/**
 * Parses "host:port" or "[IPv6 address]:port". Returns undefined for any other text. With a `defaultPort`, the text may
 * leave out the port. Port 0 means any free port, so only a server that listens may allow it.
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
