import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Env, load } from "./load.js";
import { tlsSettings } from "./tls-settings.js";

describe("the settings of certificates", () => {
  let dir: string;
  before(() => {
    dir = mkdtempSync(join(tmpdir(), "ccsp-config-"));
    for (const file of ["tls.crt", "tls.key"]) writeFileSync(join(dir, file), "");
  });
  after(() => rmSync(dir, { recursive: true }));

  const queue = { name: "queue", prefix: "CCSP_QUEUE" };
  const gateway = { name: "gateway", prefix: "CCSP_GATEWAY", callers: "agents" } as const;
  const read = (service: typeof queue | typeof gateway, host: string, env: Env) =>
    load(env, (settings) => tlsSettings(settings, { ...service, listen: { host, port: 3000 } }));
  const beyond = ["0.0.0.0", "::", "10.0.0.7", "queue-0", "127.0.0.1.example.com"];

  it("are needed by a port that other machines reach, and the fault says how to go on", () => {
    for (const host of beyond) {
      for (const [service, setting, risk] of [
        [queue, "CCSP_QUEUE_TLS_DIR", "call it under any name"],
        [gateway, "CCSP_GATEWAY_PUBLIC_TLS_DIR", "read the tokens of its callers"],
      ] as const) {
        assert.throws(
          () => read(service, host, {}),
          ({ message }: Error) => {
            assert.ok(
              message.includes(`${service.prefix}_LISTEN is ${host === "::" ? "[::]" : host}:3000, but without TLS`),
            );
            assert.ok(message.includes(risk));
            assert.match(message, /make certificates with `ccsp certs init`, and set /);
            assert.ok(message.includes(`and set ${setting}; or listen on 127.0.0.1`));
            return message.endsWith("or set CCSP_DANGEROUSLY_LISTEN_WITHOUT_TLS=true");
          },
        );
      }
    }
  });

  it("may be missing there if one setting says so, which warns each time", () => {
    const { config, warnings } = read(queue, "0.0.0.0", { CCSP_DANGEROUSLY_LISTEN_WITHOUT_TLS: "true" });
    assert.deepEqual(config, { callers: "services", portTlsDir: undefined, tlsDir: undefined });
    assert.match(warnings.join(), /^CCSP_DANGEROUSLY_LISTEN_WITHOUT_TLS is on: .* call it under any name$/);
  });

  it("may be missing on loopback, with a warning where the port has no other proof of who calls", () => {
    for (const host of ["127.0.0.1", "127.1.2.3", "::1", "localhost"]) {
      assert.match(
        read(queue, host, {}).warnings.join(),
        /^without TLS, everybody who reaches queue .* CCSP_QUEUE_TLS_DIR$/,
      );
      assert.deepEqual(read(gateway, host, {}).warnings, []);
    }
  });

  it("are two folders for the gateway: one for other services, one for its port, which needs no authority", () => {
    assert.throws(() => read(gateway, "0.0.0.0", { CCSP_GATEWAY_TLS_DIR: dir }), /CCSP_GATEWAY_TLS_DIR: .*ca\.crt/);
    assert.deepEqual(read(gateway, "0.0.0.0", { CCSP_GATEWAY_PUBLIC_TLS_DIR: dir }), {
      config: { callers: "agents", portTlsDir: dir, tlsDir: undefined },
      warnings: [],
    });
  });

  it("name each file that cannot be read", () => {
    const none = join(dir, "none");
    assert.throws(
      () => read(queue, "127.0.0.1", { CCSP_QUEUE_TLS_DIR: none }),
      ({ message }: Error) => ["ca.crt", "tls.crt", "tls.key"].every((file) => message.includes(join(none, file))),
    );
    writeFileSync(join(dir, "ca.crt"), "");
    const { config, warnings } = read(queue, "0.0.0.0", { CCSP_QUEUE_TLS_DIR: dir });
    assert.deepEqual([config, warnings], [{ callers: "services", portTlsDir: dir, tlsDir: dir }, []]);
  });
});
