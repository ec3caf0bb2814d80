import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { allRpcs } from "@ccsp/protos/access.js";
import { fieldsOf, methodNamed } from "@ccsp/protos/descriptor.js";
import { openApi } from "./openapi.js";
import { pathFields } from "./request.js";
import { NOT_YET, ROUTES, WITHOUT_ROUTE } from "./routes.js";
import { rpcsOf } from "./rpc.js";

const namesOf = (typeName: string): string[] => fieldsOf(typeName).map(({ jsonName }) => jsonName);

describe("The table of the paths of REST", () => {
  it("has each RPC of both services, or a reason why not", () => {
    const offered = [...allRpcs().keys()].filter((path) => path.startsWith("/ccsp.gateway."));
    const routed = [...ROUTES.flatMap(rpcsOf), ...Object.keys(WITHOUT_ROUTE)];
    assert.deepEqual([...new Set(routed)].toSorted(), offered.toSorted());
  });

  it("joins only RPCs with the same answer, where the operator's request has every field of the agent's", () => {
    for (const route of ROUTES) {
      const [operator, agent] = rpcsOf(route).map(methodNamed);
      if (!operator || !agent) continue;
      assert.deepEqual(namesOf(agent.output.typeName), namesOf(operator.output.typeName), route.path);
      const missing = namesOf(agent.input.typeName).filter((name) => !namesOf(operator.input.typeName).includes(name));
      assert.deepEqual(missing, [], route.path);
    }
  });

  it("says the kind of each stream, and names only fields of the request in its paths", () => {
    for (const route of ROUTES) {
      for (const { methodKind, input } of rpcsOf(route).map(methodNamed)) {
        const streams = ["events", "log", "lines"].includes(route.kind ?? "");
        assert.equal(methodKind === "server_streaming", streams, route.path);
        for (const field of pathFields(route)) {
          const [first = "", second] = field.split(".");
          const found = fieldsOf(input.typeName).find(({ jsonName }) => jsonName === first);
          assert.ok(found, `${route.path}: ${field}`);
          if (second) assert.ok(found.message && namesOf(found.message.typeName).includes(second), field);
        }
      }
    }
  });

  it("is on the page of REST, each path by what it is about", async () => {
    const page = await readFile(new URL("../../../../docs/rest.md", import.meta.url), "utf8");
    const subjects = new Set(ROUTES.map(({ path }) => path.replace(/\/\{.*/, "")));
    assert.deepEqual(
      [...subjects].filter((path) => !page.includes(`\`${path}`)),
      [],
    );
  });

  it("is what the description describes, with a name of its own for each operation", () => {
    const { paths }: { paths: Record<string, Record<string, { operationId?: string; summary: string }>> } = Object(
      openApi(),
    );
    const described = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const shown = (path: string) => path.replaceAll(/\{\w+\.(\w+)\}/g, "{$1}");
    const wanted = [
      ...ROUTES.map(({ method, path }) => `${method} ${shown(path)}`),
      ...NOT_YET.map(({ path }) => `GET ${path}`),
    ];
    assert.deepEqual(described.toSorted(), wanted.toSorted());
    const operations = Object.values(paths).flatMap((each) => Object.values(each));
    const ids = operations.flatMap(({ operationId }) => operationId ?? []);
    assert.equal(new Set(ids).size, ROUTES.length);
    assert.deepEqual(
      operations.filter(({ summary }) => summary.length < 5),
      [],
    );
  });
});
