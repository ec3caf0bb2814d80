import { isIPv6 } from "node:net";

export interface ListenAddress {
  /** A name or address; a v6 address without its brackets. */
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
}

/** "host:port" or "[v6 address]:port"; undefined for anything else. */
export function parseListen(text: string): ListenAddress | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]\s/]+)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const [, v6, name, port] = match;
  if (v6 !== undefined && !isIPv6(v6)) return undefined;
  if (Number(port) > 65_535) return undefined;
  return { host: v6 ?? name ?? "", port: Number(port) };
}
