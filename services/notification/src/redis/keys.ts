/** The {braces} put all keys on one cluster node. */
const PREFIX = "ccsp:notify:{log}:";
/** `entries` and `delivered` are those of release 0.2.0 too. The code calls a matter an incident now. Its key keeps the name. */
export const KEYS = {
  notices: `${PREFIX}notices`,
  deliveries: `${PREFIX}deliveries`,
  incidents: `${PREFIX}matters`,
  digests: `${PREFIX}digests`,
  ended: `${PREFIX}ended`,
  accepted: `${PREFIX}accepted`,
  delivered: `${PREFIX}delivered`,
  waiting: `${PREFIX}waiting`,
  left: `${PREFIX}left`,
  sequence: `${PREFIX}sequence`,
  states: `${PREFIX}states`,
  done: `${PREFIX}done`,
  dead: `${PREFIX}dead`,
  log: `${PREFIX}entries`,
} as const;

/** The keys of the queue of one channel. */
export const queueKeys = (channel: string) => ({
  due: `${PREFIX}due:${channel}`,
  order: `${PREFIX}order:${channel}`,
  claimed: `${PREFIX}claimed:${channel}`,
});
