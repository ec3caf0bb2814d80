import { formatHostPort, type HostPort } from "@ccsp/config";

/** Returns the same text for the same set of addresses, in any order. */
export function fingerprint(addresses: readonly HostPort[]): string {
  return addresses.map(formatHostPort).toSorted().join(",");
}
