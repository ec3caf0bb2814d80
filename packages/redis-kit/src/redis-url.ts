import { type HostPort, parseHostPort } from "@ccsp/config";

/** The address of Redis from one URL. `at` is for messages: it has hosts and ports, never the password. */
export type RedisAddress = {
  readonly at: string;
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
} & (
  | { readonly kind: "standalone"; readonly node: HostPort; readonly db: number }
  | {
      readonly kind: "sentinel";
      readonly sentinels: readonly HostPort[];
      readonly master: string;
      readonly db: number;
    }
  | { readonly kind: "cluster"; readonly nodes: readonly HostPort[] }
);

const FORMS =
  "redis://[user:pass@]host:port[/db], redis+sentinel://[user:pass@]host:port,host:port/master[/db] " +
  "or redis+cluster://[user:pass@]host:port,host:port; with TLS rediss://, rediss+sentinel:// or rediss+cluster://";

const SHAPE = /^(rediss?)(\+sentinel|\+cluster)?:\/\/(?:([^@]*)@)?([^@/?#]+)(?:\/([^?#]*))?$/;

/**
 * Reads a Redis URL. User name and password may be percent-encoded. The default port is 6379, and 26379 for Sentinel.
 * User and password are for the data nodes, not for Sentinels.
 *
 * Throws an Error that names the fault and the known forms. It never repeats the URL, because the URL may contain a
 * password.
 */
export function parseRedisUrl(url: string): RedisAddress {
  const match = SHAPE.exec(url);
  if (match === null) throw fault("it has none of the known forms");
  const [, scheme, kind = "", userInfo, hosts = "", path = ""] = match;
  const nodes = hosts.split(",").map((host) => parseNode(host, kind === "+sentinel" ? 26379 : 6379));
  const segments = path === "" ? [] : path.split("/");
  const at = nodes.map((node) => `${node.host}:${node.port}`).join(",");
  const common = { at, tls: scheme === "rediss", ...parseLogin(userInfo) };

  switch (kind) {
    case "+cluster":
      if (segments.length > 0) throw fault("a cluster has no databases");
      return { ...common, kind: "cluster", nodes };
    case "+sentinel": {
      const [master = "", db, ...rest] = segments;
      if (master === "" || rest.length > 0)
        throw fault("the path of a Sentinel URL is the master's name and a database");
      return { ...common, at: `${common.at} (${master})`, kind: "sentinel", sentinels: nodes, master, db: parseDb(db) };
    }
    default: {
      const [node, ...others] = nodes;
      if (node === undefined || others.length > 0) throw fault("a standalone Redis has one host");
      if (segments.length > 1) throw fault("the path is a database number");
      return { ...common, kind: "standalone", node, db: parseDb(segments[0]) };
    }
  }
}

function parseNode(text: string, defaultPort: number): HostPort {
  const node = parseHostPort(text, { defaultPort });
  if (node === undefined) throw fault("a host is not host or host:port");
  return node;
}

function parseDb(text: string | undefined): number {
  if (text === undefined || text === "") return 0;
  if (!/^\d{1,4}$/.test(text)) throw fault("the database is not a number");
  return Number(text);
}

interface Login {
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** Reads `user:password`, percent-encoded. */
export function parseLogin(text: string | undefined): Login {
  if (text === undefined || text === "") return { username: undefined, password: undefined };
  const colon = text.indexOf(":");
  const [username, password] = colon < 0 ? [text, ""] : [text.slice(0, colon), text.slice(colon + 1)];
  try {
    return { username: decodeURIComponent(username) || undefined, password: decodeURIComponent(password) || undefined };
  } catch {
    throw fault("user or password is not percent-encoded as it must be");
  }
}

function fault(what: string): Error {
  return new Error(`invalid Redis URL: ${what}; use ${FORMS}`);
}
