import { readFile } from "node:fs/promises";
import { Agent, fetch } from "undici";
import { messageOf } from "../process/exit.js";
import { type Found, fail, ok } from "./finding.js";
import { gatewayCaFile, type Site } from "./site.js";

const ANSWER_MS = 5_000;

/** Asks the gateway's HTTP server for the page of the dashboard. Nothing is found where no address is known. */
export async function checkHttp(site: Site): Promise<readonly Found[]> {
  const url = site.io.env["CCSP_GATEWAY_URL"] || site.fleet?.http;
  if (!url) return [];
  const subject = `gateway ${url}`;
  const caFile = gatewayCaFile(site);
  const mend = "let this host reach it, name its CA with --ca-file, or correct CCSP_GATEWAY_URL";
  let dispatcher: Agent | undefined;
  try {
    const ca = caFile && caFile !== "system" ? await readFile(caFile, "utf8") : undefined;
    dispatcher = new Agent({ connect: { ...(ca && { ca }), timeout: ANSWER_MS } });
    const answer = await fetch(new URL("/", url), { dispatcher, signal: AbortSignal.timeout(ANSWER_MS) });
    await answer.body?.cancel();
    if (answer.ok) return [ok(subject, "serves the dashboard")];
    return [fail(subject, `it answers with the status ${answer.status}`, "open it in a browser: the page says why")];
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return [fail(subject, `no answer by HTTP: ${messageOf(cause)}`, mend)];
  } finally {
    await dispatcher?.close();
  }
}
