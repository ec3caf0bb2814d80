const TO_THE_GATEWAY = "commands for operators go to the gateway now: use --gateway (CCSP_GATEWAY) and a token";

/** Options of earlier releases, and what to use instead. */
const REMOVED: Readonly<Record<string, string>> = {
  "--queue": TO_THE_GATEWAY,
  "--executors": TO_THE_GATEWAY,
  "--who": "the name comes from the token now: `ccsp whoami` shows it",
};

/** What to use instead of an option, if the message of commander is about one that was removed. */
export function insteadOf(message: string): string | undefined {
  const [, option = ""] = /unknown option '(--[a-z-]+)/.exec(message) ?? [];
  const instead = REMOVED[option];
  return instead && `${option} is gone: ${instead}`;
}
