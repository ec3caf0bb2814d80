import assert from "node:assert/strict";
import { type Env, type Settings, serviceSettings } from "@ccsp/config";
import { readCommand } from "./command-line.js";
import type { ServiceDefinition } from "./definition.js";

const define = (settings: Settings) => ({
  service: serviceSettings(settings, { name: "gateway", grpcPort: 3000, opsPort: 9000, callers: "agents" }),
  secret: settings.text("CCSP_SECRET", "signs tokens", { secret: true }),
});
const service: ServiceDefinition<ReturnType<typeof define>> = {
  name: "gateway",
  summary: "admits calls",
  define,
  async start() {},
};

async function printed(
  args: readonly string[],
  env: Env = {},
): Promise<{ stdout: string; stderr: string; code: number }> {
  const command = await readCommand(service, args, env);
  assert.ok(command.kind === "print");
  return command;
}

describe("the command line of a service", () => {
  it("runs with the configuration when there are no arguments", async () => {
    const command = await readCommand(service, [], { CCSP_SECRET: "s", CCSP_LOG_LEVL: "x" });
    assert.ok(command.kind === "run");
    assert.equal(command.config.secret, "s");
    assert.equal(command.warnings.length, 1);
  });

  it("prints summary, usage and each setting with its default and meaning, in columns", async () => {
    const { stdout, stderr, code } = await printed(["--help"], { CCSP_LOG_LEVEL: "loud" });
    assert.equal(code, 0);
    assert.equal(stderr, "");
    assert.match(stdout, /^ccsp gateway: admits calls\n\nUsage, in services\/gateway: node --import/);
    const rows = stdout.split("\n").filter((line) => line.startsWith("  CCSP_"));
    assert.equal(rows.length, 17);
    assert.deepEqual(
      rows.filter((row) => /_LISTEN |SECRET|CONSUL_URL/.test(row)),
      [
        "  CCSP_GATEWAY_LISTEN                  127.0.0.1:3000     address of the gRPC server: 0.0.0.0 for other machines, port 0 for a free one",
        "  CCSP_GATEWAY_OPS_LISTEN              127.0.0.1:9000     address of /metrics, /health and /ready",
        "  CCSP_CONSUL_URL                      -                  Consul agent to register with and to find others by",
        "  CCSP_SECRET                          (required)         signs tokens",
      ],
    );
  });

  it("says that a configuration is valid, after its warnings", async () => {
    assert.deepEqual((await printed(["--check-config"], { CCSP_SECRET: "s" })).stdout, "configuration is valid\n");
    const { stdout, code } = await printed(["--check-config"], { CCSP_SECRET: "s", CCSP_LOG_LEVL: "x" });
    assert.equal(code, 0);
    assert.match(stdout, /^warning: CCSP_LOG_LEVL .*\nconfiguration is valid\n$/);
  });

  it("reports every fault with exit code 2, with --check-config and without", async () => {
    for (const args of [["--check-config"], []]) {
      const { stdout, stderr, code } = await printed(args, { CCSP_LOG_LEVEL: "loud" });
      assert.equal(code, 2);
      assert.equal(stdout, "");
      assert.match(stderr, /^gateway: the configuration has 2 faults:\n {2}CCSP_LOG_LEVEL.*\n {2}CCSP_SECRET.*\n$/);
    }
  });

  it("refuses unknown arguments with exit code 2 and a hint", async () => {
    const { stderr, code } = await printed(["--check-config", "--verbose"], { CCSP_SECRET: "s" });
    assert.equal(code, 2);
    assert.match(stderr, /unknown argument --verbose; expected \[--help \| --check-config\]/);
  });
});
