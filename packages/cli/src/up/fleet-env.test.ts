import assert from "node:assert/strict";
import { backgroundEnv, sharedSettings } from "./fleet-env.js";

describe("the environment variables that a fleet gets", () => {
  const env = {
    PATH: "/bin",
    HOME: "/home/me",
    ANTHROPIC_API_KEY: "a-secret",
    AWS_SECRET_ACCESS_KEY: "a-secret",
    CCSP_CLAUDE_CODE_BIN: "/opt/claude",
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4317",
    OTEL_SERVICE_NAME: "mine",
    CCSP_TOKEN: "a-secret",
    CCSP_GATEWAY: "elsewhere:3000",
    CCSP_START_LIMIT: "5m",
    CCSP_TRACE_URL: "https://traces.example/{traceId}",
    CCSP_QUEUE_LISTEN: "0.0.0.0:1",
    CCSP_EXECUTOR_ID: "one",
    CCSP_REDIS_URL: "redis://elsewhere",
  };

  it("are the settings of CCSP and OpenTelemetry for the services, and no secret of the user", () => {
    assert.deepEqual(sharedSettings(env), {
      CCSP_CLAUDE_CODE_BIN: "/opt/claude",
      // The dashboard shows the same link as the command.
      CCSP_TRACE_URL: "https://traces.example/{traceId}",
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4317",
    });
  });

  it("are those that find programs and settings for a fleet in the background, and no secret of the user", () => {
    const passed = backgroundEnv(env);
    assert.equal(passed["PATH"], "/bin");
    assert.equal(passed["CCSP_REDIS_URL"], "redis://elsewhere");
    assert.ok(!Object.values(passed).includes("a-secret"));
  });
});
