export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `host:port`, with brackets around an IPv6 address. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Parses `host:port` or `[v6]:port`. Undefined when it is neither. */
export function parseAddress(text: string): Address | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.%]+)\]|([^\s[\]:/]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host !== undefined && port > 0 && port < 65_536 ? { host, port } : undefined;
}

/** One text per set of addresses, whatever their order. */
export function fingerprint(addresses: readonly Address[]): string {
  return addresses.map(formatAddress).toSorted().join(",");
}
