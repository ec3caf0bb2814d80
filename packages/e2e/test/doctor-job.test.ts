import assert from "node:assert/strict";
import { VARIABLES } from "@ccsp/cli";
import { DEFAULT_PORTS, SERVICES } from "@ccsp/fleet";
import { parse } from "yaml";
import { readPage } from "../src/docs/blocks.js";
import { usedSettings } from "../src/docs/configuration.js";

/** The parts of the Job that this test reads. */
interface Job {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly containers: readonly {
          readonly args: readonly string[];
          readonly env: readonly { readonly name: string }[];
        }[];
      };
    };
  };
}

describe("ccsp doctor as a Job", () => {
  const job: Job = parse(readPage("k8s/doctor/job.yaml"));
  const [doctor] = job.spec.template.spec.containers;

  it("asks the ops port of each service", () => {
    const ports = (doctor?.args ?? []).flatMap((arg) => /^([a-z]+)-headless[^:]*:(\d+)$/.exec(arg)?.slice(1) ?? []);
    const expected = SERVICES.flatMap((name) => [name, String(DEFAULT_PORTS[name].ops)]);
    assert.deepEqual(ports.toSorted(), expected.toSorted());
  });

  it("has only settings that the queue or the command reads", async () => {
    const settings = (await usedSettings()).map(({ setting }) => setting.name);
    const known = new Set([...settings, ...VARIABLES.map(({ name }) => name)]);
    const unknown = (doctor?.env ?? []).map(({ name }) => name).filter((name) => !known.has(name));
    assert.deepEqual(unknown, []);
  });
});
