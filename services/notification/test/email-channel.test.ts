import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Authority, createAuthority } from "@ccsp/testkit";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { emailChannel } from "../src/channels/email/index.js";
import type { Channel, Message } from "../src/domain/channel.js";
import { channelContext, testMessage } from "./channel-context.js";

interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  /** The headers with their continuation lines joined, and the body as it was sent. */
  readonly headers: Readonly<Record<string, string>>;
  readonly source: string;
}

describe("the e-mail channel", () => {
  let smtp: SMTPServer;
  let mails: Mail[];
  /** The answer for a recipient, by address. */
  let refused: Record<string, number>;
  let refuse: { code: number; at: "rcpt" | "data" } | undefined;
  let close: () => Promise<void>;

  /** Starts the mail server, in place of the one before. */
  const serve = async (options: SMTPServerOptions): Promise<void> => {
    if (smtp !== undefined) await new Promise<void>((resolve) => smtp.close(() => resolve()));
    const refusal = (responseCode = refuse?.code) => Object.assign(new Error("no"), { responseCode });
    smtp = new SMTPServer({
      ...options,
      onRcptTo: ({ address }, _session, done) => {
        const code = refused[address];
        if (code !== undefined) return done(refusal(code));
        return done(refuse?.at === "rcpt" ? refusal() : undefined);
      },
      onData: (stream, { envelope }, done) => {
        const chunks: Buffer[] = [];
        stream.on("data", (chunk: Buffer) => chunks.push(chunk));
        stream.on("end", () => {
          if (refuse?.at === "data") return done(refusal());
          const source = Buffer.concat(chunks).toString();
          const from = envelope.mailFrom === false ? "" : envelope.mailFrom.address;
          mails.push({ from, to: envelope.rcptTo.map((each) => each.address), headers: headersOf(source), source });
          return done();
        });
      },
    });
    smtp.on("error", () => undefined);
    await new Promise<void>((resolve) => smtp.listen(0, "127.0.0.1", resolve));
  };
  const CLEAR: SMTPServerOptions = { authOptional: true, disabledCommands: ["STARTTLS"] };

  beforeEach(async () => {
    mails = [];
    refused = {};
    refuse = undefined;
    await serve(CLEAR);
    const context = channelContext("mail");
    close = context.close;
  });
  afterEach(async () => {
    await close();
    await new Promise<void>((resolve) => smtp.close(() => resolve()));
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
  const port = () => (smtp.server.address() as AddressInfo).port;
  const open = (more: Record<string, unknown> = {}): Promise<Channel> => {
    const settings = { host: "127.0.0.1", port: port(), tls: "off", from: "ccsp@example.com", to: ["a@example.com"] };
    return emailChannel.open({ ...settings, ...more }, channelContext("mail"));
  };
  const deliver = async (channel: Channel, message: Message) =>
    (await channel.deliver(message, AbortSignal.timeout(10_000))) ?? {};

  it("sends a mail as text and HTML, and the mails of an incident as one thread", async () => {
    const channel = await open({ to: ["a@example.com", "b@example.com"], subjectPrefix: "[prod] " });
    const { ref } = await deliver(channel, testMessage());
    await deliver(
      channel,
      testMessage({ id: "end", kind: "session.recovered", action: "resolves" }, { id: "end", ref }),
    );
    const [first, second] = mails;
    assert.ok(first && second);
    assert.deepEqual([first.from, first.to], ["ccsp@example.com", ["a@example.com", "b@example.com"]]);
    assert.match(first.headers["subject"] ?? "", /^\[prod\] The login of claude-code \(team\) ended/);
    assert.match(
      first.source,
      /Content-Type: text\/plain[\s\S]*Content-Type: text\/html[\s\S]*<strong>What to do<\/strong>/,
    );
    assert.equal(first.headers["message-id"], ref);
    assert.deepEqual([second.headers["in-reply-to"], second.headers["references"]], [ref, ref]);
    assert.equal(first.headers["auto-submitted"], "auto-generated");
  });

  it("has the same Message-ID when a message comes again", async () => {
    const channel = await open();
    await deliver(channel, testMessage());
    await deliver(channel, testMessage({}, { attempt: 2 }));
    assert.equal(mails[0]?.headers["message-id"], mails[1]?.headers["message-id"]);
  });

  it("lets no text of others make a header, a recipient or markup", async () => {
    const summary = "x\r\nBcc: victim@example.com\r\n\r\n<script>alert(1)</script>";
    await deliver(await open(), testMessage({ kind: "alert.firing", facts: { rule: "r", summary } }));
    const [mail] = mails;
    assert.deepEqual(mail?.to, ["a@example.com"]);
    assert.equal(mail?.headers["bcc"], undefined);
    assert.doesNotMatch(decoded(mail?.source ?? "").split("text/html")[1] ?? "", /<script>/);
  });

  it("says whether a person has to mend it, or whether waiting helps", async () => {
    const channel = await open();
    const cases = [
      [{ code: 451, at: "data" }, "unavailable"],
      [{ code: 554, at: "data" }, "refused"],
      [{ code: 550, at: "rcpt" }, "refused"],
    ] as const;
    for (const [given, kind] of cases) {
      refuse = given;
      await assert.rejects(deliver(channel, testMessage()), { kind });
    }
    refuse = undefined;
    await deliver(channel, testMessage());
    assert.equal(mails.length, 1);
  });

  describe("to several addresses", () => {
    const to = ["a@example.com", "b@example.com", "c@example.com"];
    const sentTo = () => mails.map((mail) => mail.to);

    it("has delivered a mail that one refuses for good, and says whom it did not reach", async () => {
      refused = { "b@example.com": 550 };
      const { ref, missed } = await deliver(await open({ to }), testMessage());
      assert.match(ref ?? "", /@example\.com>$/);
      assert.equal(missed, "1 of 3 addresses refused the mail: b…@example.com (550)");
      assert.deepEqual(sentTo(), [["a@example.com", "c@example.com"]]);
    });

    it("sends a mail that one puts off again to this one only, and after some tries to nobody", async () => {
      refused = { "b@example.com": 450, "c@example.com": 550 };
      const channel = await open({ to });
      const putOff = { kind: "partial", message: "1 of 3 addresses has put the mail off: b…@example.com (450)" };
      await assert.rejects(deliver(channel, testMessage()), putOff);
      await assert.rejects(deliver(channel, testMessage({}, { attempt: 2 })), putOff);
      assert.deepEqual(sentTo(), [["a@example.com"]]);
      refused = {};
      const { missed } = await deliver(channel, testMessage({}, { attempt: 3 }));
      assert.equal(missed, "1 of 3 addresses refused the mail: c…@example.com (550)");
      assert.deepEqual(sentTo(), [["a@example.com"], ["b@example.com"]]);
      assert.equal(mails[1]?.headers["to"], to.join(", "), "the mail shows all of them");

      refused = { "b@example.com": 450 };
      const other = testMessage({ id: "other" });
      for (let at = 1; at <= 4; at += 1) await assert.rejects(deliver(channel, other), { kind: "partial" });
      assert.match((await deliver(channel, other)).missed ?? "", /b…@example\.com \(450\)$/);
      assert.equal(mails.length, 3);
    });
  });

  it("sends nothing in clear to a server without TLS, unless the operator says so", async () => {
    await assert.rejects(deliver(await open({ tls: "starttls" }), testMessage()), { name: "DeliveryError" });
    assert.deepEqual(mails, []);
  });

  describe("with TLS and a login", () => {
    let dir: string;
    let caFile: string;
    let passwordFile: string;
    let options: SMTPServerOptions;
    let logins: { user: string | undefined; secure: boolean }[];
    let authority: Authority;

    before(async function () {
      authority = await createAuthority(this);
    });
    after(() => authority.close());
    beforeEach(async () => {
      dir = await mkdtemp(join(tmpdir(), "ccsp-mail-"));
      const { certificate: cert, key } = await authority.issue("mail");
      caFile = join(dir, "ca.pem");
      await writeFile(caFile, authority.ca);
      passwordFile = join(dir, "password");
      await writeFile(passwordFile, "s3cret\n");
      logins = [];
      options = {
        key,
        cert,
        onAuth: ({ username, password }, { secure }, done) => {
          logins.push({ user: username, secure });
          return password === "s3cret" ? done(null, { user: username }) : done(new Error(`no ${password}`));
        },
      };
    });
    afterEach(() => rm(dir, { recursive: true }));
    const login = () => ({ user: "ccsp", passwordFile, caFile });

    for (const tls of ["starttls", "implicit"] as const) {
      it(`logs in and sends by ${tls}, and takes a new password without a restart`, async () => {
        await serve({ ...options, secure: tls === "implicit" });
        const channel = await open({ ...login(), tls });
        await deliver(channel, testMessage());
        assert.equal(mails.length, 1);
        assert.deepEqual(logins, [{ user: "ccsp", secure: true }]);

        await writeFile(passwordFile, "wr0ng");
        await assert.rejects(deliver(channel, testMessage()), (error: Error & { kind?: string }) => {
          assert.equal(error.kind, "refused");
          assert.doesNotMatch(`${error.message} ${String(error.cause)}`, /wr0ng|s3cret/);
          return true;
        });
        await writeFile(passwordFile, "s3cret");
        await deliver(channel, testMessage());
        assert.equal(mails.length, 2);
      });

      it(`sends neither mail nor password by ${tls} to a server whose certificate it does not trust`, async () => {
        await serve({ ...options, secure: tls === "implicit" });
        const untrusted = await open({ ...login(), caFile: undefined, tls });
        await assert.rejects(deliver(untrusted, testMessage()), { kind: "unavailable", message: /certificate/ });
        assert.deepEqual([mails, logins], [[], []]);
      });
    }

    it("logs in to no server that offers no STARTTLS", async () => {
      await serve({ ...options, disabledCommands: ["STARTTLS"], allowInsecureAuth: true });
      await assert.rejects(deliver(await open({ ...login(), tls: "starttls" }), testMessage()), {
        name: "DeliveryError",
      });
      assert.deepEqual([mails, logins], [[], []]);
    });
  });

  it("names the setting that is wrong", async () => {
    await assert.rejects(open({ to: ["a@example.com\r\nBcc: b@example.com"] }), /to\.0: must be an address/);
    await assert.rejects(open({ user: "ccsp", tls: "starttls" }), /user and passwordFile need each other/);
    await assert.rejects(open({ user: "ccsp", passwordFile: "/none" }), /tls: off would send the password in clear/);
    await assert.rejects(open({ caFile: "/none/ca.crt" }), /\/none\/ca\.crt cannot be read/);
  });
});

function headersOf(source: string): Record<string, string> {
  const [head = ""] = source.split("\r\n\r\n");
  const lines = head.replace(/\r\n[ \t]+/g, " ").split("\r\n");
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 2)]),
  );
}

const decoded = (source: string): string => source.replace(/=\r\n/g, "").replace(/=3C/g, "<").replace(/=3E/g, ">");
