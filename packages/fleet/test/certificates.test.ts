import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { filesOf, parseCertificates } from "@ccsp/certificates";
import {
  type CertificateOptions,
  certificateSettings,
  gatewayAuthority,
  keepFleetCertificates,
  renewCertificates,
} from "../src/certificates.js";
import { SERVICES } from "../src/services.js";

const all = (folder: string) =>
  Object.fromEntries(SERVICES.map((name) => [name, { [`CCSP_${name.toUpperCase()}_TLS_DIR`]: join(folder, name) }]));

describe("the certificates of a fleet", () => {
  let folder: string;
  beforeEach(async () => {
    folder = join(await mkdtemp(join(tmpdir(), "ccsp-fleet-")), "certificates");
  });
  afterEach(() => rm(join(folder, ".."), { recursive: true }));

  const options = (more: Partial<CertificateOptions> = {}): CertificateOptions => ({ folder, given: {}, ...more });
  const read = async (name: string) => {
    const [certificate] = parseCertificates(await readFile(filesOf(join(folder, name)).certificate, "utf8"));
    return certificate ?? assert.fail();
  };

  it("are one for each service, which gets only its own folder, and one for the operator", async () => {
    const of = options({ operator: "ann", gatewayHosts: ["127.0.0.1"] });
    assert.deepEqual(certificateSettings(of), all(folder));
    assert.equal((await keepFleetCertificates(of)).length, SERVICES.length + 1);
    assert.deepEqual(await readdir(folder), ["ca.crt", "ca.key", ...SERVICES, "operators"].toSorted());
    assert.deepEqual((await read("operators/ann")).name, { kind: "operator", name: "ann" });
    assert.equal(gatewayAuthority(of), undefined);
    assert.deepEqual(await keepFleetCertificates(of), []);
  });

  it("have one more for callers of a gateway beyond loopback, with the names of this host", async () => {
    for (const [host, wanted] of [
      ["0.0.0.0", hostname()],
      ["10.1.2.3", "10.1.2.3"],
    ] as const) {
      const of = options({ gatewayHosts: [host], given: { CCSP_ADVERTISE_HOST: "ccsp.example.org" } });
      await keepFleetCertificates(of);
      const { hosts } = await read("gateway-public");
      for (const each of ["localhost", "127.0.0.1", wanted, "ccsp.example.org"]) assert.ok(hosts.includes(each), each);
      assert.equal(certificateSettings(of).gateway?.["CCSP_GATEWAY_PUBLIC_TLS_DIR"], join(folder, "gateway-public"));
      assert.equal(gatewayAuthority(of), join(folder, "gateway-public", "ca.crt"));
    }
  });

  it("are not made where somebody gives others", async () => {
    const own = options({ given: { CCSP_QUEUE_TLS_DIR: "/mine" }, gatewayHosts: ["0.0.0.0"] });
    const publicOnly = { gateway: { CCSP_GATEWAY_PUBLIC_TLS_DIR: join(folder, "gateway-public") } };
    assert.deepEqual(certificateSettings(own), publicOnly);
    for (const given of [
      { CCSP_GATEWAY_PUBLIC_TLS_DIR: "/mine" },
      { CCSP_DANGEROUSLY_LISTEN_WITHOUT_TLS: "true" },
    ] as const) {
      const other = options({ given, gatewayHosts: ["0.0.0.0"] });
      assert.deepEqual(certificateSettings(other), all(folder));
      assert.equal(gatewayAuthority(other), undefined);
      const both = options({ given: { ...given, CCSP_MONITOR_TLS_DIR: "/mine" }, gatewayHosts: ["0.0.0.0"] });
      assert.deepEqual([certificateSettings(both), await keepFleetCertificates(both)], [{}, []]);
    }
  });

  it("are looked at every hour while the fleet runs, and a failure is tried again", async () => {
    const wakes: (() => void)[] = [];
    const slept: number[] = [];
    const lines: string[] = [];
    const clock = {
      now: () => 0,
      sleep: (ms: number, signal: AbortSignal) =>
        new Promise<void>((resolve) => {
          slept.push(ms);
          wakes.push(resolve);
          signal.addEventListener("abort", () => resolve());
        }),
    };
    const of = options();
    await keepFleetCertificates(of);
    const renewal = renewCertificates(() => keepFleetCertificates(of), { clock, say: (line) => void lines.push(line) });
    const nextLook = async () => {
      const looks = slept.length;
      wakes.at(-1)?.();
      while (slept.length === looks) await new Promise(setImmediate);
    };
    await nextLook();
    assert.deepEqual(lines, []);
    const key = await readFile(join(folder, "ca.key"));
    await writeFile(join(folder, "ca.key"), "damaged");
    await nextLook();
    assert.match(lines.join("\n"), /^certificates could not be renewed: .*ca\.key is damaged/);
    await writeFile(join(folder, "ca.key"), key);
    await rm(join(folder, "queue"), { recursive: true });
    await nextLook();
    assert.equal(lines[1], "renewed the certificate of queue: there was none");
    await renewal.close();
    assert.deepEqual(slept, [3_600_000, 3_600_000, 3_600_000, 3_600_000]);
  });
});
