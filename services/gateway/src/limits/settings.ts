import type { Settings } from "@ccsp/config";

/** What one caller, or one address, may use, over all replicas. 0: as much as it likes. */
export interface UseSettings {
  readonly requestsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly calls: number;
}

export interface LimitSettings {
  readonly caller: UseSettings;
  readonly address: UseSettings;
  /** The failed log-in in a minute with which a lock begins. 0: no locks. */
  readonly failedLogins: number;
}

const MIB = 1024 * 1024;

/** The defaults for an address suit 200 busy agents behind one address. */
export function limitSettings(settings: Settings): LimitSettings {
  return {
    caller: {
      requestsPerSecond: settings.integer(
        "CCSP_GATEWAY_CALLER_REQUESTS",
        "calls that one agent or person may begin per second, on average over 10 s; 0: no limit",
        { default: 500, min: 0 },
      ),
      bytesPerSecond: settings.integer(
        "CCSP_GATEWAY_CALLER_BYTES",
        "bytes of messages that one agent or person may send and receive per second, on average over 10 s; 0: no limit",
        { default: 64 * MIB, min: 0 },
      ),
      calls: settings.integer(
        "CCSP_GATEWAY_CALLER_CALLS",
        "calls, such as watches, that one agent or person may have in progress; 0: no limit",
        { default: 2_000, min: 0 },
      ),
    },
    address: {
      requestsPerSecond: settings.integer(
        "CCSP_GATEWAY_ADDRESS_REQUESTS",
        "the same as CCSP_GATEWAY_CALLER_REQUESTS for all callers of one address",
        { default: 5_000, min: 0 },
      ),
      bytesPerSecond: settings.integer(
        "CCSP_GATEWAY_ADDRESS_BYTES",
        "the same as CCSP_GATEWAY_CALLER_BYTES for all callers of one address",
        { default: 512 * MIB, min: 0 },
      ),
      calls: settings.integer(
        "CCSP_GATEWAY_ADDRESS_CALLS",
        "the same as CCSP_GATEWAY_CALLER_CALLS for all callers of one address",
        { default: 20_000, min: 0 },
      ),
    },
    failedLogins: settings.integer(
      "CCSP_GATEWAY_FAILED_LOGINS",
      "failed log-ins in a minute, of one name at one address, that begin a lock of 1 s, then 2 s, up to 15 min; 0: no locks",
      { default: 10, min: 0 },
    ),
  };
}
