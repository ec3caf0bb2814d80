/** Settings of a fleet whose gateway has no limits for each caller and each address. */
export const NO_LIMITS: Readonly<Record<string, string>> = Object.fromEntries(
  [
    ...["CALLER", "ADDRESS"].flatMap((who) => ["REQUESTS", "BYTES", "CALLS"].map((what) => `${who}_${what}`)),
    "FAILED_LOGINS",
  ].map((name) => [`CCSP_GATEWAY_${name}`, "0"]),
);
