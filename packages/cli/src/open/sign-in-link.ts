import { Agent, fetch } from "undici";
import type { Gateway } from "../connection/connection.js";
import { readInputFile } from "../input/read-input.js";
import { CliError, EXIT, messageOf } from "../process/exit.js";

const WAIT_MS = 10_000;

/**
 * Gets a link with which a browser is signed in at the dashboard as the owner of this token. It works once, and for a
 * minute, so the token itself is in no address and in no history.
 */
export async function signInLink(url: string, { token, tls }: Pick<Gateway, "token" | "tls">): Promise<string> {
  const ca = tls?.caFile === undefined ? undefined : Buffer.from(await readInputFile("--ca-file", tls.caFile));
  const dispatcher = new Agent({ connect: { ...(ca && { ca: ca.toString() }), timeout: WAIT_MS } });
  const bearer = typeof token === "string" ? token : await token();
  try {
    const answer = await fetch(`${url}/session/code`, {
      method: "POST",
      dispatcher,
      redirect: "error",
      signal: AbortSignal.timeout(WAIT_MS),
      headers: { authorization: `Bearer ${bearer}` },
    });
    const { code, detail }: { code?: unknown; detail?: unknown } = Object(await answer.json().catch(() => undefined));
    if (answer.status === 201 && typeof code === "string") return `${url}/session/open?code=${code}`;
    const why = typeof detail === "string" ? detail : `it answers with the status ${answer.status}`;
    throw new CliError(answer.status < 500 ? EXIT.denied : EXIT.unavailable, `${url} gives no link to sign in: ${why}`);
  } catch (error) {
    if (error instanceof CliError) throw error;
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new CliError(EXIT.unavailable, `${url} does not answer: ${messageOf(cause)}`);
  } finally {
    await dispatcher.close();
  }
}
