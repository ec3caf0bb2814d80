import { type CallerLimit, limited } from "@ccsp/errors";
import { type CallMeter, callerName, type MeteredCall } from "@ccsp/grpc-kit";
import type { Identity } from "@ccsp/identity";
import type { SharedCalls } from "./shared-calls.js";
import type { RateLeft, SharedRate } from "./shared-rate.js";

/** What one caller, or one address, may use. */
export interface UseLimits {
  readonly requests: SharedRate;
  readonly bytes: SharedRate;
  readonly calls: SharedCalls;
}

/** A caller that has as many calls as it may have is told to wait this long. */
const CALLS_RETRY_MS = 1_000;

/**
 * What callers and addresses may use, over all replicas. Bytes are counted as they move, so a call that was let in is
 * never cut off: the next one is refused.
 */
export class CallLimits implements CallMeter {
  readonly #caller: UseLimits;
  readonly #address: UseLimits;

  constructor({ caller, address }: { readonly caller: UseLimits; readonly address: UseLimits }) {
    this.#caller = caller;
    this.#address = address;
  }

  arrived(address: string): void {
    spendRequest(this.#address, address, ["address_requests", "address_bytes"], "shares an address that");
  }

  /** The caller has proven who it is. Refuses with CALLER_LIMIT. */
  identified(identity: Identity): void {
    spendRequest(this.#caller, callerName(identity, ""), ["requests", "bytes"], "");
  }

  /** How many requests this caller may still make. Undefined without a limit. */
  requestsLeft(identity: Identity): RateLeft | undefined {
    return this.#caller.requests.left(callerName(identity, ""));
  }

  began(identity: Identity | undefined, address: string): MeteredCall {
    const name = identity && callerName(identity, "");
    const leaveAddress = this.#address.calls.enter(address);
    if (!leaveAddress) throw full("address_calls", "shares an address that has");
    const leave = name === undefined ? leaveAddress : this.#caller.calls.enter(name);
    if (!leave) {
      leaveAddress();
      throw full("calls", "has");
    }
    return {
      moved: (bytes) => {
        this.#address.bytes.spend(address, bytes);
        if (name !== undefined) this.#caller.bytes.spend(name, bytes);
      },
      ended() {
        leaveAddress();
        if (leave !== leaveAddress) leave();
      },
    };
  }
}

function spendRequest(
  { requests, bytes }: UseLimits,
  who: string,
  [requestLimit, byteLimit]: readonly [CallerLimit, CallerLimit],
  subject: string,
): void {
  const requestsMs = requests.waitMs(who);
  if (requestsMs > 0) throw limited(requestLimit, `${subject} makes too many requests`.trim(), requestsMs);
  const bytesMs = bytes.waitMs(who);
  if (bytesMs > 0) throw limited(byteLimit, `${subject} sends and receives too much`.trim(), bytesMs);
  requests.spend(who, 1);
}

const full = (limit: CallerLimit, subject: string) =>
  limited(limit, `${subject} as many calls in progress as are allowed`, CALLS_RETRY_MS);
