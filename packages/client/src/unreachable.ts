import { lookup } from "node:dns/promises";
import { connect } from "node:net";
import { whyNotConnected } from "@ccsp/grpc-kit/client.js";
import { within } from "@ccsp/timing";
import { UnavailableError } from "./errors.js";

/**
 * The error of a client that has never reached a gateway. It says what the client tried: the target, its addresses, and
 * the cause. Errors of another kind are returned unchanged.
 */
export async function unreachable(target: string, error: unknown, fault: string | undefined): Promise<unknown> {
  if (!(error instanceof UnavailableError)) return error;
  const { at, why } = await diagnose(target, fault);
  return new UnavailableError(error.reason, `no gateway could be reached at ${target}${at}: ${why}`, { cause: error });
}

/** Why a connection failed, such as `connect ECONNREFUSED 127.0.0.1:3000`. Undefined when the error does not say it. */
export function connectionFault(error: unknown): string | undefined {
  for (let each = error; each instanceof Error; each = each.cause) {
    const fault = whyNotConnected(each.message);
    if (fault !== undefined && !NO_CAUSE.test(fault)) return fault;
  }
  return undefined;
}

/**
 * grpc-js forgets the fault when it resolves a name again, and then writes "null". When the server closes the
 * connection, as one with TLS does, it writes only that it failed, and when.
 */
const NO_CAUSE = /^(?:null|Failed to connect \([^)]*\))$/;

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
      end("a server accepts connections there, but does not answer calls; does it need TLS?"),
    );
  });
}
