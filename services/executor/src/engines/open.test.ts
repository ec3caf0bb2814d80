import assert from "node:assert/strict";
import type { EnginePlugin, Supervisor } from "@ccsp/engine-kit";
import { pino } from "pino";
import { openEngines } from "./open.js";

const supervisor: Supervisor = { start: () => Promise.reject(new Error("starts nothing")) };

/** The log lines of opening an engine with this version. */
async function logOf(version: string, minimumVersion?: string): Promise<string> {
  const lines: string[] = [];
  const plugin: EnginePlugin = {
    name: "fake",
    minimumVersion,
    define: () => ({}),
    async open() {
      const capabilities = { streaming: false, usage: false, takes: [] };
      return { name: "fake", capabilities, version: async () => version, start: () => Promise.reject(new Error("no")) };
    },
  };
  const log = pino({ level: "info" }, { write: (line: string) => void lines.push(line) });
  const metrics = { unknownLine: () => {}, unknownFailure: () => {} };
  const [opened] = await openEngines([{ plugin, origin: "built-in", config: {}, slots: 3 }], {
    supervisor: () => supervisor,
    metrics,
    policed: ["denied_tools"],
    broker: { mode: "auto", there: true },
    log,
  });
  assert.deepEqual([opened?.version, opened?.slots], [version, 3]);
  return lines.join("");
}

describe("opening an engine", () => {
  it("warns of a version that is older than the plugin's minimum", async () => {
    for (const version of ["2.1.196", "2.0.999", "1.9.9-beta.3"]) {
      assert.match(await logOf(version, "2.1.197"), /older than its minimum version/, version);
    }
  });

  it("gives no warning of the same, a newer or an unknown version", async () => {
    for (const version of ["2.1.197", "2.1.1000", "3.0.0", "2.1.197-rc.1", ""]) {
      assert.doesNotMatch(await logOf(version, "2.1.197"), /older/, version);
    }
    assert.doesNotMatch(await logOf("0.1.0"), /older/);
  });

  it("warns of a part of the operator's policy that the engine does not support", async () => {
    assert.match(await logOf("2.1.197"), /"ignored":\["denied_tools"\]/);
  });
});
