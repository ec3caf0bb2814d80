export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Formats an address as `host:port`, with brackets around an IPv6 address. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Returns the same text for the same set of addresses, in any order. */
export function fingerprint(addresses: readonly Address[]): string {
  return addresses.map(formatAddress).toSorted().join(",");
}
