import { isOwnAddress, parseTarget } from "./allowed-hosts.js";

const PORT = 3128;
/** As /proc/net/tcp writes 127.0.0.1 and the port. */
const LISTENS = `0100007F:${PORT.toString(16).toUpperCase().padStart(4, "0")}`;
const PROXY = `http://127.0.0.1:${PORT}`;
const NAMES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];

/**
 * The words before a run's command that make the run's proxy, a Unix socket, a port of its own loopback. The command
 * starts when the port listens. The loop ends even if socat cannot start.
 */
export const withProxy = (socat: string, socket: string): readonly string[] => [
  "/bin/sh",
  "-c",
  [
    `"$1" TCP-LISTEN:${PORT},bind=127.0.0.1,reuseaddr,fork UNIX-CONNECT:"$2" </dev/null >/dev/null 2>&1 &`,
    `listens() { while read -r _ at _; do [ "$at" = ${LISTENS} ] && return; done </proc/net/tcp; return 1; }`,
    "tries=0; until listens || [ $tries -ge 20000 ]; do tries=$((tries + 1)); done",
    'shift 2 && exec "$@"',
  ].join("\n"),
  "sh",
  socat,
  socket,
];

/**
 * The environment with the run's proxy. Programs connect to the run's own loopback directly, except to an address of it
 * that is an allowed host.
 */
export function proxyEnvironment(
  env: Readonly<Record<string, string>>,
  hosts: readonly string[],
): Readonly<Record<string, string>> {
  const allowed = hosts.map((host) => parseTarget(host, 443)?.name);
  const direct = ["localhost", "127.0.0.1", "::1"].filter((name) => !allowed.includes(name)).join(",");
  const given = { HTTP_PROXY: PROXY, HTTPS_PROXY: PROXY, NO_PROXY: direct };
  const lower = Object.fromEntries(Object.entries(given).map(([name, value]) => [name.toLowerCase(), value]));
  const without = Object.entries(env).filter(([name]) => !NAMES.includes(name.toUpperCase()));
  return { ...Object.fromEntries(without), ...given, ...lower };
}

/** The operator's own proxy for a host, from the environment that the engine would have. */
export type Upstream = (host: string) => URL | undefined;

export function upstreamOf(env: Readonly<Record<string, string>>): Upstream {
  const read = (name: string) => env[name] ?? env[name.toLowerCase()] ?? "";
  const text = read("HTTPS_PROXY") || read("HTTP_PROXY") || read("ALL_PROXY");
  if (text === "") return () => undefined;
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  if (url?.protocol !== "http:") {
    throw new Error(
      "a run in a sandbox can use only an HTTP proxy (http://host:port); set CCSP_EXECUTOR_SANDBOX_NETWORK=full for another",
    );
  }
  const direct = read("NO_PROXY")
    .split(",")
    .map((name) =>
      name
        .trim()
        .replace(/^\*?\./, "")
        .toLowerCase(),
    )
    .filter((name) => name !== "");
  return (host) =>
    isOwnAddress(host) || direct.some((name) => name === "*" || host === name || host.endsWith(`.${name}`))
      ? undefined
      : url;
}
