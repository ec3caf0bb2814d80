import { createHmac, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import { invalidFields } from "@ccsp/errors";
import type { IssueChangedRequest } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { HttpFault } from "../http/problem.js";
import { passOn } from "../upstream/refusals.js";
import type { Deliveries } from "./deliveries.js";

export interface GitHubWebhookOptions {
  readonly secret: string;
  readonly deliveries: Deliveries;
  readonly issueChanged: (request: IssueChangedRequest) => Promise<unknown>;
}

/** The events of an issue are much smaller: GitHub bounds the text of an issue to 64 KiB. */
const MAX_BODY = 1024 * 1024;
const MAX_URL = 2_048;
/**
 * The most deliveries in progress. Anyone may begin one, so this bounds the memory that strangers can take. The
 * notification service looks at the issues by itself too, so a delivery that is refused only comes later.
 */
const MOST_AT_ONCE = 32;
const BUSY = new HttpFault(503, "too many deliveries come at the same time", { "retry-after": "5" });

/** Reads the secret of the webhook. Throws if the file cannot be read or is empty. */
export async function readWebhookSecret(file: string): Promise<string> {
  const setting = `CCSP_GATEWAY_GITHUB_WEBHOOK_SECRET_FILE (${file})`;
  const secret = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new Error(`${setting} cannot be read`, { cause });
  });
  if (secret.trim() === "") throw new Error(`${setting} is empty`);
  return secret.trim();
}

/**
 * Serves `POST /webhooks/github`. An event only says that an issue has changed: who watches the issue reads it from
 * GitHub. So CCSP believes nothing of an event but its signature.
 */
export function githubWebhook(app: FastifyInstance, { secret, deliveries, issueChanged }: GitHubWebhookOptions): void {
  // The signature is of the bytes, so nothing reads them before.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));

  let inProgress = 0;
  app.addHook("onRequest", async (_request, { raw }) => {
    if (inProgress >= MOST_AT_ONCE) throw BUSY;
    inProgress += 1;
    raw.once("close", () => (inProgress -= 1));
  });

  app.post("/webhooks/github", { bodyLimit: MAX_BODY }, async (request, reply) => {
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const signature = signatureOf(body, secret);
    if (!isSame(signature, header(request, "x-hub-signature-256")))
      throw new HttpFault(403, "the header `x-hub-signature-256` is not the signature of this body with our secret");
    // Comments and the other events change nothing of what CCSP watches.
    if (header(request, "x-github-event") !== "issues") return reply.code(202).send({ outcome: "ignored" });
    const url = issueUrl(body);
    if (!(await deliveries.begin(signature))) return reply.code(202).send({ outcome: "repeated" });
    try {
      await issueChanged({ url });
    } catch (error) {
      await deliveries.forget(signature);
      throw passOn(error);
    }
    return reply.code(202).send({ outcome: "passed on" });
  });
}

const signatureOf = (body: Buffer, secret: string): string =>
  `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;

/** Takes the same time wherever the texts differ. */
function isSame(expected: string, presented: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(presented)];
  return a.length === b.length && timingSafeEqual(a, b);
}

const header = ({ headers }: FastifyRequest, name: string): string => String(headers[name] ?? "");

function issueUrl(body: Buffer): string {
  const url: unknown = Object(Object(parsed(body)).issue).html_url;
  if (typeof url === "string" && url.length <= MAX_URL && /^https?:\/\//.test(url)) return url;
  throw invalidFields([{ field: "issue.html_url", description: "is not the address of an issue" }]);
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    throw invalidFields([{ field: "body", description: "is not JSON: choose `application/json` for the webhook" }]);
  }
}
