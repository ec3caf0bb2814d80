import { isIP } from "node:net";
import { type ConnectionOptions, connect } from "node:tls";
import { Cluster } from "ioredis";
import type { RedisAccess } from "./connect.js";
import type { RedisClient } from "./redis-client.js";

/** The certificate that a server of Redis shows to new connections. */
export interface ServerCertificate {
  /** `host:port`; `master` for the master behind Sentinels, whose address changes. */
  readonly server: string;
  readonly expires: Date;
}

interface Node {
  readonly host: string;
  readonly port: number;
}

const ANSWER_MS = 2_000;

/** See `RedisConnection.certificates`. */
export async function certificatesOf(
  client: RedisClient,
  { address, tls }: RedisAccess,
): Promise<readonly ServerCertificate[]> {
  if (tls === undefined) return [];
  const found = await Promise.all(
    [...(await serversOf(client, address))].map(async ([server, node]) => {
      const expires = await expiryOf(node, tls).catch(() => undefined);
      return expires === undefined ? [] : [{ server, expires }];
    }),
  );
  return found.flat();
}

async function serversOf(client: RedisClient, address: RedisAccess["address"]): Promise<ReadonlyMap<string, Node>> {
  const named = (nodes: readonly Node[]) => nodes.map((node) => [`${node.host}:${node.port}`, node] as const);
  if (address.kind === "standalone") return new Map(named([address.node]));
  if (client instanceof Cluster) {
    return new Map(named(client.nodes("all").map(({ options: { host = "", port = 0 } }) => ({ host, port }))));
  }
  const { remoteAddress: host, remotePort: port } = client.stream;
  const master = host === undefined || port === undefined ? [] : [["master", { host, port }] as const];
  const replicas = [...(await client.info("replication")).matchAll(/^slave\d+:ip=([^,]+),port=(\d+)/gm)].map(
    ([, ip = "", at = ""]) => ({ host: ip, port: Number(at) }),
  );
  return new Map([...master, ...named(address.kind === "sentinel" ? [...address.sentinels, ...replicas] : replicas)]);
}

/** It is asked for also when it is not trusted, such as after its end. */
function expiryOf({ host, port }: Node, tls: ConnectionOptions): Promise<Date> {
  return new Promise((resolve, reject) => {
    const { ca, cert, key } = tls;
    const servername = isIP(host) === 0 ? { servername: host } : {};
    const socket = connect({ host, port, ca, cert, key, ...servername, rejectUnauthorized: false }, () => {
      resolve(new Date(socket.getPeerCertificate().valid_to));
      socket.destroy();
    });
    socket.setTimeout(ANSWER_MS, () => socket.destroy(new Error("no answer")));
    socket.once("error", reject);
  });
}
