import assert from "node:assert/strict";
import { SERVICES } from "@ccsp/fleet";
import { settingsByService } from "./settings-by-service.js";

describe("the settings that each service of a fleet gets", () => {
  /** The services that get this setting. */
  async function having(name: string, value = "1"): Promise<string[]> {
    const services = Object.entries(await settingsByService({ CCSP_EXECUTOR_SLOTS: "3", [name]: value }));
    return services.flatMap(([service, settings]) => (settings[name] === value ? [service] : [])).sort();
  }

  it("include a key of an engine for executors only", async () => {
    for (const name of ["CCSP_CLAUDE_CODE_API_KEY", "CCSP_CLAUDE_CODE_HOME", "CCSP_EXECUTOR_ENGINES"]) {
      assert.deepEqual(await having(name), ["executor"], name);
    }
  });

  it("include a setting of an unknown engine plugin for executors only", async () => {
    assert.deepEqual(await having("CCSP_OPENCODE_ENV_FILE", "/secrets"), ["executor"]);
  });

  it("include the secret of tokens for gateways only", async () => {
    assert.deepEqual(await having("CCSP_JWT_SECRET", "a secret of this test and of nothing else"), ["gateway"]);
  });

  it("include a shared setting for each service that knows it", async () => {
    const all = SERVICES.toSorted();
    assert.deepEqual(await having("CCSP_LOG_LEVEL", "debug"), all);
    assert.deepEqual(await having("CCSP_LOG_LEVEL", "faulty"), all);
    assert.deepEqual(await having("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"), all);
    assert.deepEqual(await having("CCSP_QUEUE_TARGET", "static:///127.0.0.1:1"), ["executor", "gateway", "monitor"]);
    assert.deepEqual(await having("CCSP_QUEUE_SHARDS"), ["gateway", "monitor", "notification", "queue"]);
  });

  it("include a misspelt setting for each service that would warn of it", async () => {
    assert.deepEqual(await having("CCSP_JWT_ISUER"), ["gateway"]);
    assert.deepEqual(await having("CCSP_QUEUE_LEASEE", "5s"), ["queue"]);
  });
});
