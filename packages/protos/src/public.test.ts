import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fromBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** The files and folders in the tables of proto/README.md: first those for agents, then those that operators need too. */
function publicPaths(): { agents: string[]; operators: string[] } {
  const page = readFileSync(new URL("../../../proto/README.md", import.meta.url), "utf8");
  const [agents = [], more = []] = page
    .split("| --- | --- |")
    .slice(1)
    .map((table) => [...table.matchAll(/^\| `([\w/.]+)`/gm)].map(([, path = ""]) => path));
  return { agents, operators: [...agents, ...more] };
}

describe("the public protos", () => {
  const files = new Map<string, FileDescriptorProto>();
  before(() => {
    const bytes = readFileSync(new URL("../descriptor.binpb", import.meta.url));
    for (const file of fromBinary(FileDescriptorSetSchema, bytes).file) files.set(file.name, file);
  });
  const folderOf = (file: string): string => file.slice(0, file.lastIndexOf("/"));
  const isIn = (paths: readonly string[], file: string): boolean =>
    paths.includes(file) || paths.includes(folderOf(file));
  const { agents, operators } = publicPaths();

  /** These files and all that they import, without Google's own types. */
  const neededBy = (...names: string[]): string[] => {
    const needed = new Set<string>();
    const need = (name: string): void => {
      if (needed.has(name)) return;
      needed.add(name);
      for (const used of files.get(name)?.dependency ?? []) need(used);
    };
    for (const name of names) need(name);
    return [...needed].filter((name) => folderOf(name) !== "google/protobuf").sort();
  };
  const listed = (paths: readonly string[]): string[] => [...files.keys()].filter((name) => isIn(paths, name)).sort();
  const errors = ["ccsp/error/v1/reason.proto", "google/rpc/error_details.proto"];

  it("are the agents' API with all that it needs, and what its errors carry", () => {
    const ours = neededBy("ccsp/gateway/v1/agent_service.proto", ...errors);
    assert.deepEqual(ours, listed(agents));
    assert.ok(ours.includes("ccsp/task/v1/schedule.proto"));
    assert.ok(!ours.some((name) => name.includes("queue")), "the internal services stay internal");
  });

  it("are with the second table the operators' API with all that it needs", () => {
    const both = ["ccsp/gateway/v1/agent_service.proto", "ccsp/gateway/v1/operator_service.proto"];
    // OperatorService needs only some files of the queue. But the comments of QueueService say what its calls promise.
    const contract = "ccsp/queue/v1/queue_service.proto";
    assert.deepEqual(neededBy(...both, contract, ...errors), listed(operators));
  });

  it("have no `optional` extension, which the parser of some tools refuses, such as that of ghz", () => {
    const optional = [...files.values()].flatMap(({ extension }) => extension).filter((each) => each.proto3Optional);
    assert.deepEqual(
      optional.map(({ name }) => name),
      [],
    );
  });

  it("say where Go and Java put the generated code", () => {
    const lacking = [...files.values()]
      .filter(({ name }) => isIn(operators, name) && name.startsWith("ccsp/"))
      .filter(({ options }) => !options?.goPackage || !options.javaPackage || !options.javaMultipleFiles)
      .map(({ name }) => name);
    assert.deepEqual(lacking, []);
  });
});
