import { lookup as dnsLookup, type LookupAddress } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

/** `name`, `name:port`, `*.name`, an IPv4 address or an IPv6 address in brackets. */
export const HOST = /^(?:(?:\*\.)?[A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

export interface Target {
  /** In lower case. An IPv6 address has no brackets. */
  readonly name: string;
  readonly port: number;
}

/** Says whether a run may connect to a host. */
export type AllowedHosts = (target: Target) => boolean;

/** Each entry is `name:port`; without a port, 443. `*.name` allows every name below `name`, and not `name` itself. */
export function allowedHosts(entries: readonly string[]): AllowedHosts {
  const rules = entries.flatMap((entry) => parseTarget(entry, 443) ?? []);
  return ({ name, port }) =>
    rules.some((rule) => rule.port === port && (rule.name === name || isBelow(name, rule.name)));
}

const isBelow = (name: string, rule: string): boolean =>
  rule.startsWith("*.") && isIP(name) === 0 && name.endsWith(rule.slice(1)) && name.length >= rule.length;

/** Undefined if the text is not a host with a port. */
export function parseTarget(text: string, defaultPort: number): Target | undefined {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const name = (bracketed ?? plain)?.toLowerCase();
  return name === undefined ? undefined : { name, port: port === undefined ? defaultPort : Number(port) };
}

/** Addresses of this host itself and of its link. Cloud providers have their metadata service on the link. */
const OWN = new BlockList();
OWN.addSubnet("0.0.0.0", 8, "ipv4");
OWN.addSubnet("127.0.0.0", 8, "ipv4");
OWN.addSubnet("169.254.0.0", 16, "ipv4");
OWN.addAddress("::", "ipv6");
OWN.addAddress("::1", "ipv6");
OWN.addSubnet("fe80::", 10, "ipv6");

/** Also true for an IPv4 address in the form of an IPv6 address. False for a name. */
export const isOwnAddress = (address: string): boolean =>
  isIP(address) !== 0 && OWN.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");

/**
 * Finds the addresses of a name, without those of this host and its link: a name server that answers for an allowed
 * name must not lead a run there. To allow such an address, the operator writes the address itself, or `localhost`.
 */
export const lookupElsewhere: LookupFunction = (name, options, callback) => {
  dnsLookup(name, { ...options, all: true }, (error, found) => {
    const fit = name === "localhost" ? found : found?.filter(({ address }) => !isOwnAddress(address));
    const [first]: LookupAddress[] = fit ?? [];
    if (error || first === undefined) {
      const none = Object.assign(new Error(`${name} has no address that a run may reach`), { code: "ENOTFOUND" });
      return callback(error ?? none, "", 0);
    }
    if (options.all) return callback(null, fit ?? []);
    return callback(null, first.address, first.family);
  });
};
