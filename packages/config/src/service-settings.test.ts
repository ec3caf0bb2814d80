import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Env, load } from "./load.js";
import { serviceSettings } from "./service-settings.js";

describe("settings that every service has", () => {
  let certificates: string;
  before(() => {
    certificates = mkdtempSync(join(tmpdir(), "ccsp-config-"));
    for (const file of ["ca.crt", "tls.crt", "tls.key"]) writeFileSync(join(certificates, file), "");
  });
  after(() => rmSync(certificates, { recursive: true }));

  const loadQueue = (env: Env) =>
    load({ CCSP_QUEUE_TLS_DIR: certificates, ...env }, (settings) =>
      serviceSettings(settings, { name: "queue", grpcPort: 3001, opsPort: 9001 }),
    );

  it("have addresses named after the service, so one process can hold several services", () => {
    const { config } = loadQueue({ CCSP_QUEUE_LISTEN: "127.0.0.1:0", CCSP_QUEUE_OPS_LISTEN: "127.0.0.1:1" });
    assert.deepEqual([config.listen.port, config.opsListen.port], [0, 1]);
  });

  it("default to the service's own ports on loopback, no Consul, and half a second and 20 seconds for the stop", () => {
    assert.deepEqual(loadQueue({}), {
      config: {
        name: "queue",
        listen: { host: "127.0.0.1", port: 3001 },
        opsListen: { host: "127.0.0.1", port: 9001 },
        advertiseHost: "127.0.0.1",
        opsHost: "127.0.0.1",
        callers: "services",
        portTlsDir: certificates,
        tlsDir: certificates,
        consul: undefined,
        logLevel: "info",
        instance: "queue",
        drainMs: 20_000,
        lameDuckMs: 500,
        heartbeat: { everyMs: 30_000, target: undefined },
      },
      warnings: [],
    });
  });

  it("advertise the configured host, else the listen host, else loopback", () => {
    const advertised = (env: Env): string => loadQueue(env).config.advertiseHost;
    assert.equal(advertised({ CCSP_ADVERTISE_HOST: "queue-0", CCSP_QUEUE_LISTEN: "10.0.0.7:1" }), "queue-0");
    assert.equal(advertised({ CCSP_QUEUE_LISTEN: "10.0.0.7:1" }), "10.0.0.7");
    assert.equal(advertised({ CCSP_QUEUE_LISTEN: "[::]:1" }), "127.0.0.1");
  });

  it("advertise one host: a list of addresses is refused", () => {
    for (const hosts of ["172.18.0.6 172.19.0.2", "10.0.0.7,10.0.0.8", "http://10.0.0.7"]) {
      assert.throws(() => loadQueue({ CCSP_ADVERTISE_HOST: hosts }), /CCSP_ADVERTISE_HOST .*one host name or address/);
    }
    assert.equal(loadQueue({ CCSP_ADVERTISE_HOST: "fd00::7" }).config.advertiseHost, "fd00::7");
  });

  it("warn of a loopback address in a Consul on another machine", () => {
    const warnings = (consul: string, env: Env = { CCSP_QUEUE_OPS_LISTEN: "0.0.0.0:9001" }): number =>
      loadQueue({ CCSP_CONSUL_URL: consul, ...env }).warnings.length;
    assert.equal(warnings("http://consul:8500"), 1);
    assert.equal(warnings("http://127.0.0.1:8500", {}), 0);
    assert.equal(warnings("http://[::1]:8500", {}), 0);
  });

  it("warn of an ops port that a Consul on another machine cannot ask", () => {
    const env = {
      CCSP_CONSUL_URL: "http://consul:8500",
      CCSP_ADVERTISE_HOST: "queue-0",
      CCSP_QUEUE_LISTEN: "0.0.0.0:1",
    };
    assert.match(
      loadQueue(env).warnings.join(),
      /\/ready on 127\.0\.0\.1.* CCSP_QUEUE_OPS_LISTEN, to 0\.0\.0\.0:9001 /,
    );
    const { config, warnings } = loadQueue({ ...env, CCSP_QUEUE_OPS_LISTEN: "0.0.0.0:9001" });
    assert.deepEqual([config.opsHost, warnings], ["queue-0", []]);
    assert.equal(loadQueue({ ...env, CCSP_QUEUE_OPS_LISTEN: "10.0.0.7:1" }).config.opsHost, "10.0.0.7");
  });

  it("warn of an advertised host when only loopback is listened on", () => {
    const warnings = (env: Env) => loadQueue({ CCSP_ADVERTISE_HOST: "queue-0", ...env }).warnings;
    assert.match(
      warnings({}).join(),
      /^other services get the address queue-0, .* CCSP_QUEUE_LISTEN, for example to 0\.0\.0\.0:3001$/,
    );
    assert.deepEqual(warnings({ CCSP_QUEUE_LISTEN: "0.0.0.0:3001" }), []);
    assert.deepEqual(warnings({ CCSP_ADVERTISE_HOST: "127.0.0.1" }), []);
  });
});
