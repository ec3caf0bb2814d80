import assert from "node:assert/strict";
import { describeSettings } from "@ccsp/config";
import { CALLS, DEFAULT_PORTS, SERVICES, targetsFor } from "@ccsp/fleet";
import { type Definitions, loadDefinitions } from "./services.js";

describe("what a fleet knows of each service", () => {
  let definitions: Definitions;
  before(async () => {
    definitions = await loadDefinitions({});
  });

  for (const name of SERVICES) {
    const settings = () => describeSettings((reader) => definitions[name].define(reader));

    it(`is the ports on which ${name} listens by itself`, () => {
      const prefix = `CCSP_${name.toUpperCase()}`;
      const listen = (setting: string) => settings().find((each) => each.name === setting)?.default;
      assert.equal(listen(`${prefix}_LISTEN`), `127.0.0.1:${DEFAULT_PORTS[name].grpc}`);
      assert.equal(listen(`${prefix}_OPS_LISTEN`), `127.0.0.1:${DEFAULT_PORTS[name].ops}`);
    });

    it(`is the services that ${name} has to find: ${CALLS[name].join(", ") || "none"}`, () => {
      const targets = settings().flatMap((each) => (each.name.endsWith("_TARGET") ? [each.name] : []));
      assert.deepEqual(targets, Object.keys(targetsFor(name, () => [])));
    });
  }
});
