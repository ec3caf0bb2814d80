import assert from "node:assert/strict";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer, type PeerCertificate, type TLSSocket } from "node:tls";
import type { CertificateName } from "@ccsp/identity";
import {
  CertificateFault,
  createAuthority,
  filesOf,
  issueCertificate,
  keepAuthority,
  keepCertificates,
  parseCertificates,
  readAuthority,
  type Wanted,
} from "../src/index.js";

const service = (name: string): CertificateName => ({ kind: "service", name });
const DAY_MS = 24 * 60 * 60 * 1000;
const inDays = (days: number) => new Date(Date.now() + days * DAY_MS);

describe("certificates", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-certificates-"));
  });
  afterEach(() => rm(dir, { recursive: true }));

  const wanted = (name: string, more: Partial<Wanted> = {}): Wanted => ({
    folder: join(dir, name),
    name: service(name),
    ...more,
  });
  const filesIn = async (folder: string) => {
    const files = filesOf(folder);
    const [ca, cert, key] = await Promise.all(
      [files.authority, files.certificate, files.key].map((file) => readFile(file, "utf8")),
    );
    return { ca, cert, key };
  };

  it("prove to each other, by TLS 1.3 in both directions, which service they name", async () => {
    const authority = await createAuthority(dir);
    for (const name of ["queue", "gateway"]) await issueCertificate(authority, wanted(name));
    const seen = await handshake(await filesIn(join(dir, "queue")), await filesIn(join(dir, "gateway")));
    assert.equal(seen.protocol, "TLSv1.3");
    assert.equal(
      seen.server.subjectaltname,
      "URI:spiffe://ccsp/service/queue, DNS:queue, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1",
    );
    assert.match(seen.client.subjectaltname ?? "", /^URI:spiffe:\/\/ccsp\/service\/gateway, /);
  });

  it("of another CA are refused, even when that CA has the same name for them", async () => {
    await issueCertificate(await createAuthority(dir), wanted("queue"));
    const foreign = join(dir, "foreign");
    await issueCertificate(await createAuthority(foreign), { ...wanted("gateway"), folder: join(foreign, "gateway") });
    const stranger = { ...(await filesIn(join(foreign, "gateway"))), ca: (await filesIn(join(dir, "queue"))).ca };
    const seen = await handshake(await filesIn(join(dir, "queue")), stranger);
    assert.equal(String(seen.refusal), "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
  });

  it("of an operator name the person, and no host", async () => {
    const authority = await createAuthority(dir);
    const made = await issueCertificate(authority, {
      folder: join(dir, "ann"),
      name: { kind: "operator", name: "ann@example.com" },
      days: 7,
    });
    assert.deepEqual([made.name, made.hosts], [{ kind: "operator", name: "ann@example.com" }, []]);
    assert.equal(Math.round((made.until.getTime() - Date.now()) / DAY_MS), 7);
    assert.equal(made.issuer, authority.facts.subject);
  });

  it("and keys can be read by their owner only, and leave no drafts", async () => {
    const authority = await createAuthority(join(dir, "ca"));
    await issueCertificate(authority, wanted("queue"));
    for (const folder of [join(dir, "ca"), join(dir, "queue")]) {
      assert.equal((await stat(folder)).mode & 0o777, 0o700);
      for (const file of await readdir(folder)) {
        assert.equal((await stat(join(folder, file))).mode & 0o777, 0o600, file);
      }
    }
    assert.deepEqual(await readdir(join(dir, "queue")), ["ca.crt", "tls.crt", "tls.key"]);
  });

  it("are kept as they are, until a third of their life is left", async () => {
    const authority = await keepAuthority(dir);
    const all = [wanted("queue"), wanted("gateway", { days: 30 })];
    const names = (issued: Awaited<ReturnType<typeof keepCertificates>>) =>
      issued.map(({ wanted: { name }, why }) => `${name.name}: ${why}`);
    assert.deepEqual(names(await keepCertificates(authority, all)), [
      "queue: there was none",
      "gateway: there was none",
    ]);
    const before = await filesIn(join(dir, "queue"));
    assert.deepEqual(names(await keepCertificates(await keepAuthority(dir), all, inDays(19))), []);
    assert.deepEqual(names(await keepCertificates(authority, all, inDays(21))), ["gateway: the old one is due"]);
    assert.deepEqual(await filesIn(join(dir, "queue")), before);
  });

  it("are issued again when they are damaged, for another name, or not for a host that is wanted", async () => {
    const authority = await createAuthority(dir);
    const why = async (again: Wanted) => (await keepCertificates(authority, [again]))[0]?.why;
    const queue = wanted("queue");
    const files = filesOf(queue.folder);
    await why(queue);
    await issueCertificate(authority, wanted("other"));
    await writeFile(files.key, await readFile(filesOf(join(dir, "other")).key));
    assert.equal(await why(queue), "the files were damaged");
    await writeFile(files.certificate, (await readFile(files.certificate, "utf8")).slice(0, 200));
    assert.equal(await why(queue), "the files were damaged");
    assert.equal(await why({ ...queue, name: service("gateway") }), "it was for another name");
    assert.equal(await why(queue), "it was for another name");
    const hosts = ["queue.example.org", "10.0.0.7"];
    assert.equal(await why({ ...queue, hosts }), "the old one was not for queue.example.org, 10.0.0.7");
    assert.equal(await why({ ...queue, hosts }), undefined);
  });

  it("keep the names of hosts when they are issued again, and none of the addresses that are no longer wanted", async () => {
    const authority = await createAuthority(dir);
    await issueCertificate(authority, wanted("gateway", { hosts: ["ccsp.example.org", "10.0.0.7"] }));
    const [issued] = await keepCertificates(authority, [wanted("gateway", { hosts: ["10.0.0.8"] })]);
    const own = ["gateway", "localhost", "127.0.0.1", "::1"];
    assert.deepEqual(issued?.certificate.hosts, [...own, "10.0.0.8", "ccsp.example.org"]);
  });

  it("follow a new CA one after the other, because meanwhile everybody trusts both CAs", async () => {
    const old = await createAuthority(dir);
    await keepCertificates(old, [wanted("queue"), wanted("gateway")]);
    const renewed = await createAuthority(dir);
    assert.notEqual(renewed.facts.subject, old.facts.subject);
    const trusted = parseCertificates(renewed.trusted).map(({ subject }) => subject);
    assert.deepEqual(trusted, [renewed.facts.subject, old.facts.subject]);

    // The first certificate cannot be signed. By then, all of them trust the new CA.
    await assert.rejects(keepCertificates({ ...renewed, key: "damaged" }, [wanted("queue"), wanted("gateway")]));
    for (const name of ["queue", "gateway"]) assert.equal((await filesIn(join(dir, name))).ca, renewed.trusted);

    const [next] = await keepCertificates(renewed, [wanted("queue")]);
    assert.deepEqual([next?.why, next?.certificate.issuer], ["another CA signed the old one", renewed.facts.subject]);
    const [queue, gateway] = [await filesIn(join(dir, "queue")), await filesIn(join(dir, "gateway"))];
    const seen = await handshake(queue, gateway);
    assert.equal(seen.refusal, undefined);
  });

  it("get a new CA when a third of its life is left, and forget the old one when it has expired", async () => {
    const first = await keepAuthority(dir);
    assert.equal((await keepAuthority(dir, inDays(2_400))).certificate, first.certificate);
    const second = await keepAuthority(dir, inDays(2_500));
    assert.equal(parseCertificates(second.trusted).length, 2);
    const third = await createAuthority(dir, inDays(3_700));
    const trusted = parseCertificates(third.trusted).map(({ subject }) => subject);
    assert.deepEqual(trusted, [third.facts.subject, second.facts.subject]);
  });

  it("need a CA whose files fit together: each fault names the file", async () => {
    assert.equal(await readAuthority(dir), undefined);
    await createAuthority(dir);
    const [crt, key] = [join(dir, "ca.crt"), join(dir, "ca.key")];
    const good = await readFile(key, "utf8");
    const fault = async () => {
      const error: unknown = await readAuthority(dir).catch((why: unknown) => why);
      assert.ok(error instanceof CertificateFault);
      return error.message;
    };
    await createAuthority(join(dir, "other"));
    await writeFile(key, await readFile(join(dir, "other", "ca.key")));
    assert.equal(await fault(), `${key} is not the key of the first certificate in ${crt}`);
    await writeFile(key, "nonsense");
    assert.equal(await fault(), `${key} is damaged, or holds something else`);
    await writeFile(key, good);
    const two = `${await readFile(crt, "utf8")}${await readFile(join(dir, "other", "ca.crt"), "utf8")}`;
    await writeFile(crt, two.slice(0, -40));
    assert.equal(await fault(), `${crt} is damaged, or holds something else`);
    await rm(key);
    assert.equal(await fault(), `${crt} is there, but ${key} is missing`);
    await writeFile(key, good);
    await writeFile(crt, "");
    assert.equal(await fault(), `${crt} is not a CA`);
    await rm(crt);
    assert.equal(await fault(), `${key} is there, but ${crt} is missing`);
    if (process.getuid?.() === 0) return;
    await chmod(key, 0);
    assert.match(await fault(), /cannot be read: EACCES/);
  });
});

interface Files {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** What each side of a connection saw. `refusal`: why a server would refuse the client. */
interface Seen {
  readonly server: PeerCertificate;
  readonly client: PeerCertificate;
  readonly protocol: string | null;
  readonly refusal: Error | undefined;
}

/** Connects with certificates on both sides. */
async function handshake(serverFiles: Files, clientFiles: Files): Promise<Seen> {
  const both = (files: Files) => ({ ca: files.ca ?? "", cert: files.cert ?? "", key: files.key ?? "" });
  const server = createServer({ ...both(serverFiles), requestCert: true, rejectUnauthorized: false });
  await once(server.listen(0, "127.0.0.1"), "listening");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a server on a TCP port has such an address
  const { port } = server.address() as AddressInfo;
  const accepted = new Promise<TLSSocket>((resolve) => server.once("secureConnection", resolve));
  const socket = connect({ ...both(clientFiles), host: "127.0.0.1", port, servername: "localhost" });
  try {
    await once(socket, "secureConnect");
    const peer = await accepted;
    return {
      server: socket.getPeerCertificate(),
      client: peer.getPeerCertificate(),
      protocol: socket.getProtocol(),
      refusal: peer.authorizationError ?? undefined,
    };
  } finally {
    socket.destroy();
    server.close();
  }
}
