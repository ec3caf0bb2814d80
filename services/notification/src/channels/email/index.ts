import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { createTransport } from "nodemailer";
import { z } from "zod";
import { type ChannelType, DeliveryError, type Message } from "../../domain/channel.js";
import { parsed } from "../parsed.js";
import { type Answer, createRecipients } from "./recipients.js";

const address = z.string().regex(/^[^\s<>,;:"\r\n]+@[^\s<>,;:"\r\n]+$/, "must be an address such as ops@example.com");
const schema = z
  .strictObject({
    host: z.string().min(1),
    port: z.number().int().min(1).max(65_535).default(587),
    /** `implicit`: TLS from the first byte (port 465). `starttls`: required. `off`: only for a server on this host. */
    tls: z.enum(["implicit", "starttls", "off"]).default("starttls"),
    /** A file with the certificates of the authorities, in place of those of the system. */
    caFile: z.string().min(1).optional(),
    user: z.string().min(1).optional(),
    /** The file is read for each message, so the password can be exchanged. */
    passwordFile: z.string().min(1).optional(),
    from: address,
    to: z.array(address).min(1).max(50),
    subjectPrefix: z.string().max(100).default(""),
  })
  .refine(
    (set) => (set.user === undefined) === (set.passwordFile === undefined),
    "user and passwordFile need each other",
  )
  .refine(({ user, tls }) => user === undefined || tls !== "off", "tls: off would send the password in clear");

const TIMEOUTS = { connectionTimeout: 8_000, greetingTimeout: 8_000, socketTimeout: 12_000 };
const SUBJECT = 200;

/**
 * Sends each notice as an e-mail by SMTP. The mails of an incident are one thread: later ones refer to the first one. A
 * mail has the same `Message-ID` each time, by which many mail servers drop repeats. A mail that some recipients refuse
 * is delivered: they are named as missed.
 */
export const emailChannel: ChannelType = {
  type: "email",
  use: { concurrency: 2 },
  open: async (settings, { resolve }) => {
    const { host, port, tls, caFile, user, passwordFile, from, to, subjectPrefix } = parsed(schema, settings);
    for (const path of [caFile, passwordFile]) if (path !== undefined) await read(path);
    const domain = from.slice(from.lastIndexOf("@") + 1);
    const recipients = createRecipients(to);
    const idOf = (id: string): string => `<${createHash("sha256").update(id).digest("hex").slice(0, 32)}@${domain}>`;
    return {
      target: `${to.length === 1 ? to[0] : `${to.length} people`} by ${host}:${port}`,
      deliver: async (message) => {
        const pass = passwordFile === undefined ? undefined : await read(passwordFile);
        const ca = caFile === undefined ? undefined : await read(caFile);
        const transport = createTransport({
          // The address that was checked is the one that is connected to.
          host: await resolve(host),
          port,
          secure: tls === "implicit",
          requireTLS: tls === "starttls",
          ignoreTLS: tls === "off",
          tls: { ...(isIP(host) === 0 && { servername: host }), ...(ca !== undefined && { ca }) },
          ...(user !== undefined && pass !== undefined && { auth: { user, pass: pass.trim() } }),
          ...TIMEOUTS,
          disableFileAccess: true,
          disableUrlAccess: true,
        });
        const messageId = idOf(message.id);
        let answer: Answer;
        try {
          answer = await transport.sendMail({
            ...{ from, to, messageId },
            envelope: { from, to: [...recipients.left(messageId)] },
            ...mailOf(message, subjectPrefix),
            ...(message.ref !== undefined && { inReplyTo: message.ref, references: message.ref }),
          });
        } catch (error) {
          // All who were left have refused it.
          if (!recipients.begun(messageId) || !isAnswer(error)) throw smtpFailure(error);
          answer = error;
        } finally {
          transport.close();
        }
        const missed = recipients.answered(messageId, answer);
        // The first mail of the thread stays the one that later mails refer to.
        return { ref: message.ref ?? messageId, ...(missed !== undefined && { missed }) };
      },
    };
  },
};

function mailOf({ notice, render }: Message, prefix: string) {
  const { title, body: text } = render("text");
  const { body: html } = render("html");
  const done = notice.action === "resolves" ? "✅ " : "";
  const subject = Array.from(`${prefix}${done}${title}`).slice(0, SUBJECT).join("");
  // RFC 3834: nobody's absence note answers it.
  return { subject, text, html, headers: { "Auto-Submitted": "auto-generated", "X-CCSP-Kind": notice.kind } };
}

/** Returns what a failed mail means for the queue (RFC 5321, 4.2.1: 4yz passes, 5yz stays). */
function smtpFailure(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const code: unknown = "code" in error ? error.code : undefined;
  const response: unknown = "responseCode" in error ? error.responseCode : undefined;
  const said = typeof response === "number" ? `the mail server answered ${response}` : "the mail server did not answer";
  // The server's own words may repeat a credential. Without an answer, the words are those of Node, for example on a
  // certificate.
  const own = typeof response === "number" ? "" : `: ${error.message}`;
  const text = `${said} (${typeof code === "string" ? code : "no code"})${own}`;
  if (code === "EAUTH" || code === "ENOAUTH") return new DeliveryError("refused", text);
  if (typeof response !== "number") return new DeliveryError("unavailable", text);
  if (response === 421 || response === 450 || response === 451 || response === 452)
    return new DeliveryError("unavailable", text);
  return new DeliveryError(response >= 500 ? "refused" : "unavailable", text);
}

const isAnswer = (error: unknown): error is Error & Answer => error instanceof Error && "rejectedErrors" in error;

async function read(path: string): Promise<string> {
  return readFile(path, "utf8").catch((cause: unknown) => {
    throw new DeliveryError("refused", `${path} cannot be read`, undefined, cause);
  });
}
