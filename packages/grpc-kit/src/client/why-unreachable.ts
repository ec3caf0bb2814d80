import { lookup } from "node:dns/promises";
import { connect } from "node:net";
import { within } from "@ccsp/timing";
import { neverSent, whyNotConnected } from "../wire/call-error.js";

/** Whether a call failed because the client had no connection, so that the server got nothing of it. */
export function neverConnected(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (whyNotConnected(each.message) !== undefined || neverSent(each)) return true;
  }
  return false;
}

/** Why a connection failed, such as `connect ECONNREFUSED 127.0.0.1:3000`. Undefined when the error does not say it. */
export function connectionFault(error: unknown): string | undefined {
  for (let each = error; each instanceof Error; each = each.cause) {
    const fault = whyNotConnected(each.message);
    if (fault !== undefined && !SAYS_NOTHING.test(fault)) return fault;
  }
  return undefined;
}

/**
 * grpc-js forgets the fault when it resolves a name again, and then writes "null". When the server closes a new
 * connection, it writes the time and no fault.
 */
const SAYS_NOTHING = /^(null|Failed to connect \([^)]*\))$/;

/**
 * What a client that could not connect has tried, in words: the target, its addresses, and why it failed. `fault` is
 * what is known of that; without it, the function tries once to connect.
 */
export async function whyUnreachable(target: string, fault: string | undefined): Promise<string> {
  const { at, why } = await diagnose(target, fault);
  return `${target}${at}: ${why}`;
}

const UNKNOWN = "nothing answers there";

async function diagnose(target: string, fault: string | undefined): Promise<{ at: string; why: string }> {
  const { host, port = "443" } = HOST_AND_PORT.exec(target)?.groups ?? {};
  if (host === undefined) return { at: "", why: fault ?? UNKNOWN };
  const found = await within(TRY_MS, lookup(host, { all: true }), () => undefined).catch(() => []);
  if (!found) return { at: "", why: fault ?? `the name ${host} could not be looked up within ${TRY_MS} ms` };
  const [first] = found;
  if (!first) return { at: "", why: `the name ${host} was not found` };
  // A name can have other addresses than people expect: `localhost` may be `::1` first.
  const at = first.address === host ? "" : ` (${host} is ${found.map(({ address }) => address).join(", ")})`;
  return { at, why: fault ?? (await tryConnect(first.address, Number(port))) };
}

/** A target without a scheme, or with that of DNS. */
const HOST_AND_PORT = /^(?:dns:(?:\/\/[^/]*\/)?)?(?<host>[a-z0-9][a-z0-9.-]*)(?::(?<port>\d+))?$/i;

/** The client has already waited. A resolver without a server would keep it for another 10 s. */
const TRY_MS = 250;

/** What happens to a new connection, in words. */
function tryConnect(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: TRY_MS });
    const end = (what: string): void => {
      socket.destroy();
      resolve(what);
    };
    socket.once("error", (error) => end(error.message));
    socket.once("timeout", () => end(UNKNOWN));
    socket.once("connect", () =>
      end("a server accepts connections there, but does not answer calls; has it another CA, or does it need TLS?"),
    );
  });
}
