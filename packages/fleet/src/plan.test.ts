import assert from "node:assert/strict";
import { localAddress, localHttpAddress, type PlanOptions, planUnits } from "./plan.js";

const OPTIONS: PlanOptions = {
  root: "/repo",
  dataDir: "/data",
  redisUrl: (user) => `redis://${user}@r`,
  consulUrl: "http://c",
  inherited: { PATH: "/bin" },
  takePort: async () => 1,
};

describe("planUnits", () => {
  it("gives first replicas their service's own ports and further ones free ports", async () => {
    const units = await planUnits({ ...OPTIONS, ports: "default", replicas: { executor: 2, monitor: 0 } });
    assert.deepEqual(
      units.map(({ name, parts }) => [name, parts[0]?.ports]),
      [
        ["gateway-1", { grpc: 3000, ops: 9000, http: 8080 }],
        ["executor-1", { grpc: 3002, ops: 9002 }],
        ["executor-2", { grpc: 1, ops: 1 }],
        ["notification-1", { grpc: 3004, ops: 9004 }],
        ["queue-1", { grpc: 3001, ops: 9001 }],
      ],
    );
  });

  it("lets gateways listen where it is told, and reaches them from this machine", async () => {
    const gatewayListen = { host: "0.0.0.0", port: 4000 };
    const units = await planUnits({ ...OPTIONS, ports: "default", replicas: { gateway: 2 }, gatewayListen });
    const gateways = units.slice(0, 2).map(({ env, parts }) => [env["CCSP_GATEWAY_LISTEN"], parts.map(localAddress)]);
    assert.deepEqual(gateways, [
      ["0.0.0.0:4000", ["127.0.0.1:4000"]],
      ["0.0.0.0:1", ["127.0.0.1:1"]],
    ]);
    assert.equal(units.at(-1)?.env["CCSP_QUEUE_LISTEN"], "127.0.0.1:3001");
  });

  it("gives only gateways an HTTP port, where it is told or else the own one or a free one", async () => {
    const https = async (options: Partial<PlanOptions>) =>
      (await planUnits({ ...OPTIONS, ...options, replicas: { gateway: 2 } })).flatMap(({ env, parts }) =>
        parts.flatMap((part) => (part.ports.http ? [[env["CCSP_GATEWAY_HTTP_LISTEN"], localHttpAddress(part)]] : [])),
      );
    assert.deepEqual(await https({ ports: "default" }), [
      ["127.0.0.1:8080", "127.0.0.1:8080"],
      ["127.0.0.1:1", "127.0.0.1:1"],
    ]);
    const [first] = await https({ gatewayHttpListen: { host: "0.0.0.0", port: 4443 } });
    assert.deepEqual(first, ["0.0.0.0:4443", "127.0.0.1:4443"]);
  });

  it("gives each service its own certificates only, and settings that are given win", async () => {
    const certificates = { queue: { CCSP_QUEUE_TLS_DIR: "/q" }, gateway: { CCSP_GATEWAY_TLS_DIR: "/g" } };
    const serviceEnv = { gateway: { CCSP_GATEWAY_TLS_DIR: "/mine" } };
    const units = await planUnits({ ...OPTIONS, certificates, serviceEnv });
    const dirs = units.map(({ env }) => Object.entries(env).filter(([name]) => name.endsWith("_TLS_DIR")));
    const [gateway, queue] = [[["CCSP_GATEWAY_TLS_DIR", "/mine"]], [["CCSP_QUEUE_TLS_DIR", "/q"]]];
    assert.deepEqual(dirs, [gateway, [], [], [], queue]);
  });

  it("starts each service from its build, and loads tracing first", async () => {
    const [gateway] = await planUnits(OPTIONS);
    const register = ["--import", "/repo/packages/telemetry/dist/register.js"];
    assert.deepEqual(gateway?.program(), [...register, "/repo/services/gateway/dist/main.js"]);
  });

  it("gives each service its own login for Redis, and token for Consul, and one process for all the common login", async () => {
    const consulTokenFile = (service: string) => `/tokens/${service}`;
    const units = await planUnits({ ...OPTIONS, consulTokenFile });
    const { env: queue } = units.find(({ name }) => name === "queue-1") ?? {};
    assert.deepEqual(
      [queue?.["CCSP_REDIS_URL"], queue?.["CCSP_CONSUL_TOKEN_FILE"]],
      ["redis://queue@r", "/tokens/queue"],
    );
    const [single] = await planUnits({ ...OPTIONS, single: true });
    assert.equal(single?.env["CCSP_REDIS_URL"], "redis://ccsp@r");
  });

  it("configures one process for all five services when the fleet is single", async () => {
    const units = await planUnits({
      ...OPTIONS,
      single: true,
      replicas: { executor: 3 },
      serviceEnv: { queue: { A: "1" } },
    });
    assert.equal(units.length, 1);
    const env = units[0]?.env ?? {};
    assert.deepEqual(Object.keys(env).filter((name) => name.endsWith("_LISTEN")).length, 11);
    assert.equal(env["A"], "1");
    assert.equal(env["CCSP_EXECUTOR_DIR"], "/data/executor-1");
  });
});
