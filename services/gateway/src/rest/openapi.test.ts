import assert from "node:assert/strict";
import { openApi } from "./openapi.js";

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly style?: string; readonly description?: string }[];
  readonly responses: Readonly<Record<string, { readonly $ref?: string }>>;
}
interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, { readonly properties: Readonly<Record<string, object>> }>>;
    readonly responses: Readonly<Record<string, { readonly content: object }>>;
  };
}

describe("The description of REST", () => {
  const { paths, components }: Description = Object(openApi());
  const fieldOf = (type: string, field: string) => components.schemas[type]?.properties[field] ?? assert.fail();

  it("has one type for each number and word of an answer, and in a request every form that is read", () => {
    assert.deepEqual(fieldOf("ccsp.task.v1.Usage", "inputTokens"), { type: "integer", format: "int64" });
    assert.deepEqual(fieldOf("ccsp.task.v1.TaskResult", "costUsd"), { type: "number" });
    const { type, enum: words }: { type?: string; enum?: string[] } = fieldOf("ccsp.task.v1.Task", "state");
    assert.equal(type, "string");
    assert.ok(words?.includes("QUEUED"));
    const answers = Object.entries(components.schemas).filter(([name]) => !name.endsWith(".Input"));
    const unions = answers.filter(([, schema]) => /"anyOf"|"type":\[/.test(JSON.stringify(schema)));
    assert.deepEqual(
      unions.map(([name]) => name),
      [],
    );
    assert.match(JSON.stringify(fieldOf("ccsp.task.v1.TaskSpec.Input", "priority")), /"anyOf"/);
  });

  it("names the refusals that a path may answer with", () => {
    const statusesOf = (path: string, method: string) => Object.keys(paths[path]?.[method]?.responses ?? {});
    assert.deepEqual(statusesOf("/queue/status", "get"), ["200", "304", "400", "401", "403", "406", "429", "default"]);
    const submit = ["201", "400", "401", "403", "406", "409", "413", "415", "429", "default"];
    assert.deepEqual(statusesOf("/tasks", "post"), submit);
    assert.ok(statusesOf("/tasks/{taskId}", "get").includes("404"));
    for (const operations of Object.values(paths)) {
      for (const { responses } of Object.values(operations)) {
        for (const [code, { $ref = "" }] of Object.entries(responses)) {
          if (!/^4/.test(code)) continue;
          const named = components.responses[$ref.split("/").at(-1) ?? ""] ?? assert.fail($ref);
          assert.match(JSON.stringify(named.content), /application\/problem\+json/);
        }
      }
    }
  });

  it("says how a label is written in a query", () => {
    const labels = paths["/tasks"]?.["get"]?.parameters?.find(({ name }) => name === "filter.labels");
    assert.equal(labels?.style, "deepObject");
    assert.match(labels?.description ?? "", /`filter\.labels\[KEY\]=VALUE`, or `filter\.labels\.KEY=VALUE`/);
  });
});
