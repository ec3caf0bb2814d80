import { isIPv6 } from "node:net";
import type { Identity } from "@ccsp/identity";

/**
 * Limits whose use is counted elsewhere too, for example in all replicas of a service. It knows no transport. Each
 * function answers at once, so that it adds no wait to a call, and refuses with CALLER_LIMIT.
 */
export interface CallMeter {
  /** A call came from this address. Nobody has proven anything yet. */
  arrived(address: string): void;
  /** A call was let in. */
  began(identity: Identity | undefined, address: string): MeteredCall;
}

export interface MeteredCall {
  /** The caller sent or received a message of this many bytes. Never refuses: the call itself goes on. */
  moved(bytes: number): void;
  /** Call it once, when the call is over. */
  ended(): void;
}

/**
 * The address by which a caller is limited, of a peer with its port. For IPv6, it is the network of 64 bits: one machine
 * usually has a whole one.
 */
export function callerAddress(peer: string): string {
  return limitedAddress(peer.slice(0, peer.lastIndexOf(":")).replace(/^\[|\]$/g, ""));
}

/** The same for a host without a port. */
export function limitedAddress(host: string): string {
  if (!host.includes(":")) return host;
  if (host.startsWith("::ffff:") && host.includes(".")) return host.slice("::ffff:".length);
  if (!isIPv6(host)) return host;
  const [head = "", tail] = host.split("::");
  const groups = head === "" ? [] : head.split(":");
  const end = tail ? tail.split(":") : [];
  if (tail !== undefined) while (groups.length + end.length < 8) groups.push("0");
  return `${[...groups, ...end]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}
