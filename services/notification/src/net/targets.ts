import { lookup as systemLookup } from "node:dns/promises";
import ipaddr from "ipaddr.js";
import { DeliveryError } from "../domain/channel.js";

/** Resolves a name to all of its addresses. */
export type Lookup = (host: string) => Promise<readonly string[]>;

export interface Targets {
  /** Resolves a host and returns an address that may be reached. Rejects with a `DeliveryError` if one may not be. */
  readonly resolve: (host: string) => Promise<string>;
}

/** https://www.iana.org/assignments/ipv6-address-space */
const GLOBAL = ipaddr.IPv6.parseCIDR("2000::/3");

const dns: Lookup = async (host) => (await systemLookup(host, { all: true })).map(({ address }) => address);

/**
 * Says which targets channels may reach. Public addresses may be reached, and all others (loopback, private, link-local
 * and so on) only if `allow` has the address, its network in CIDR form, or the host name. With `only`, nothing but these
 * is allowed. A host is judged by what it resolves to, and every one of its addresses has to be allowed.
 */
export function createTargets(
  { allow, only }: { readonly allow: readonly string[]; readonly only: boolean },
  lookup: Lookup = dns,
): Targets {
  const names = new Set(allow.map((each) => each.toLowerCase()));
  const networks = allow.flatMap((each): [ipaddr.IPv4 | ipaddr.IPv6, number][] => {
    if (ipaddr.isValidCIDR(each)) return [ipaddr.parseCIDR(each)];
    if (!ipaddr.isValid(each)) return [];
    const address = ipaddr.parse(each);
    return [[address, address.kind() === "ipv4" ? 32 : 128]];
  });
  const listed = (address: string): boolean => {
    const parsed = ipaddr.process(address);
    return networks.some(([network, bits]) => network.kind() === parsed.kind() && parsed.match([network, bits]));
  };
  const isPublic = (address: string): boolean => {
    const parsed = ipaddr.process(address);
    // Outside of the global unicast addresses of IPv6 there are old forms of IPv4 addresses, such as ::127.0.0.1.
    return parsed.range() === "unicast" && (parsed instanceof ipaddr.IPv4 || parsed.match(GLOBAL));
  };
  return {
    resolve: async (written) => {
      const host = written.replace(/^\[(.*)\]$/, "$1").toLowerCase();
      const addresses = ipaddr.isValid(host) ? [host] : await found(host, lookup);
      if (!names.has(host)) {
        const refused = addresses.find((address) => !listed(address) && (only || !isPublic(address)));
        if (refused !== undefined) {
          const why = only ? "is not in the list of allowed targets" : "is not a public address";
          const resolved = refused === host ? host : `${host} (${refused})`;
          throw new DeliveryError("refused", `${resolved} ${why}: allow it with network.allow in the file of channels`);
        }
      }
      const [first] = addresses;
      if (first === undefined) throw new DeliveryError("unavailable", `${host} has no address`);
      return first;
    },
  };
}

async function found(host: string, lookup: Lookup): Promise<readonly string[]> {
  try {
    return await lookup(host);
  } catch (cause) {
    throw new DeliveryError("unavailable", `${host} could not be resolved`, undefined, cause);
  }
}
