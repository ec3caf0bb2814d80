import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { type Authority, createAuthority, eventually } from "@ccsp/testkit";
import { type HttpWorld, startHttpWorld } from "./http-world.js";

describe("HTTP over TLS", function () {
  this.timeout(90_000);
  let folder: string;
  let authority: Authority;
  let world: HttpWorld;

  before(async function () {
    authority = await createAuthority(this);
    folder = await mkdtemp(join(tmpdir(), "ccsp-http-tls-"));
    await renew();
    world = await startHttpWorld({ CCSP_GATEWAY_PUBLIC_TLS_DIR: folder });
  });
  after(async () => {
    await world?.close();
    await authority?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function renew(): Promise<void> {
    const { certificate, key } = await authority.issue("gateway");
    await writeFile(join(folder, "tls.key"), key);
    await writeFile(join(folder, "tls.crt"), certificate);
  }

  /** Asks over a new connection. */
  const ask = (
    options: object = {},
  ): Promise<{ status: number | undefined; tlsOnly: string | undefined; serial: string; protocol: string | null }> =>
    new Promise((resolve, reject) => {
      const url = `${world.gateway.httpAddress.replace("http:", "https:")}/api/v2/me`;
      const sent = get(url, { ca: authority.ca, agent: false, ...options }, (answer) => {
        answer.resume();
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the socket of https is one of TLS
        const socket = answer.socket as TLSSocket;
        const { serialNumber } = socket.getPeerCertificate();
        const tlsOnly = answer.headers["strict-transport-security"];
        resolve({ status: answer.statusCode, tlsOnly, serial: serialNumber, protocol: socket.getProtocol() });
      });
      sent.once("error", reject);
    });

  it("is spoken in TLS 1.3 only, with the certificate of the gateway's callers", async () => {
    const { status, protocol } = await ask();
    assert.deepEqual([status, protocol], [401, "TLSv1.3"]);
    await assert.rejects(ask({ maxVersion: "TLSv1.2" }), /alert protocol version|ECONNRESET/);
  });

  it("tells browsers with every answer, also a refusal, to use no plain HTTP with this host", async () => {
    const { status, tlsOnly } = await ask();
    assert.deepEqual([status, tlsOnly], [401, "max-age=31536000"]);
    const local = await ask({ headers: { host: "localhost:8080" }, checkServerIdentity: () => undefined });
    assert.deepEqual([local.status, local.tlsOnly], [401, undefined], "other ports of localhost have other pages");
  });

  it("uses a renewed certificate for new connections, without a restart", async () => {
    const { serial } = await ask();
    await renew();
    await eventually(async () => assert.notEqual((await ask()).serial, serial), { timeoutMs: 60_000 });
  });
});
