export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `host:port`, with brackets around an IPv6 address. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** One text per set of addresses, whatever their order. */
export function fingerprint(addresses: readonly Address[]): string {
  return addresses.map(formatAddress).toSorted().join(",");
}
