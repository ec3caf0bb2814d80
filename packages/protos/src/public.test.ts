import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fromBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** The folders in the table of proto/README.md. */
function publicFolders(): string[] {
  const page = readFileSync(new URL("../../../proto/README.md", import.meta.url), "utf8");
  return [...page.matchAll(/^\| `([\w/]+)`/gm)].map(([, folder = ""]) => folder);
}

describe("the public protos", () => {
  const files = new Map<string, FileDescriptorProto>();
  before(() => {
    const bytes = readFileSync(new URL("../descriptor.binpb", import.meta.url));
    for (const file of fromBinary(FileDescriptorSetSchema, bytes).file) files.set(file.name, file);
  });
  const folderOf = (file: string): string => file.slice(0, file.lastIndexOf("/"));
  const isPublic = (file: string): boolean => publicFolders().includes(folderOf(file));

  it("import public protos and Google's own types only, so that they can be generated alone", () => {
    const wrong = [...files.values()]
      .filter(({ name }) => isPublic(name))
      .flatMap(({ name, dependency }) =>
        dependency
          .filter((used) => !isPublic(used) && folderOf(used) !== "google/protobuf")
          .map((used) => `${name} imports ${used}`),
      );
    assert.deepEqual(wrong, []);
  });

  it("are the agents' API with all that it needs, and what its errors carry", () => {
    const needed = new Set<string>();
    const need = (name: string): void => {
      if (needed.has(name)) return;
      needed.add(name);
      for (const used of files.get(name)?.dependency ?? []) need(used);
    };
    need("ccsp/gateway/v1/agent_service.proto");
    need("ccsp/error/v1/reason.proto");
    need("google/rpc/error_details.proto");
    const ours = [...needed].filter((name) => folderOf(name) !== "google/protobuf").sort();
    assert.deepEqual(ours, [...files.keys()].filter(isPublic).sort());
    assert.ok(ours.includes("ccsp/task/v1/schedule.proto"));
  });

  it("say where Go and Java put the generated code", () => {
    const lacking = [...files.values()]
      .filter(({ name }) => isPublic(name) && name.startsWith("ccsp/"))
      .filter(({ options }) => !options?.goPackage || !options.javaPackage || !options.javaMultipleFiles)
      .map(({ name }) => name);
    assert.deepEqual(lacking, []);
  });
});
