import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ConnectionOptions } from "node:tls";
import type { RedisSettings } from "@ccsp/config";

type TlsFiles = Pick<RedisSettings, "caFile" | "tlsDir">;

type Pem = Pick<ConnectionOptions, "ca" | "cert" | "key">;

/**
 * The TLS options of a connection to Redis. ioredis copies them for each connection, so a file that was replaced counts
 * from the next one on. A file that cannot be read then leaves the last good state, with a word to `onFault`. Throws if
 * a file cannot be read now.
 */
export function tlsOptions({ caFile, tlsDir }: TlsFiles, onFault: (error: unknown) => void): Pem {
  const authorities = caFile ?? (tlsDir && join(tlsDir, "ca.crt"));
  const read = (): Pem => ({
    ...(authorities !== undefined && { ca: readFileSync(authorities) }),
    ...(tlsDir !== undefined && {
      cert: readFileSync(join(tlsDir, "tls.crt")),
      key: readFileSync(join(tlsDir, "tls.key")),
    }),
  });
  let last = read();
  const again = (): Pem => {
    try {
      last = read();
    } catch (error) {
      onFault(error);
    }
    return last;
  };
  const { ca, cert, key } = last;
  // ioredis reads `ca` first, so the three values of a connection come from one reading.
  return Object.defineProperties(
    {},
    {
      ...(ca && { ca: { enumerable: true, get: () => again().ca } }),
      ...(cert && { cert: { enumerable: true, get: () => last.cert } }),
      ...(key && { key: { enumerable: true, get: () => last.key } }),
    },
  );
}
