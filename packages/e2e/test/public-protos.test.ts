import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { skip } from "@ccsp/testkit";

const run = promisify(execFile);
const PROTOS = fileURLToPath(new URL("../../../proto", import.meta.url));
const AGENTS = "proto/ccsp/gateway/v1/agent_service.proto proto/ccsp/{access,task,error,usage}/v1/*.proto";
const OPERATORS = `${AGENTS} proto/ccsp/{queue,executor,monitor,notification}/v1/*.proto proto/ccsp/gateway/v1/operator_service.proto`;

/** As docs/other-languages.md says, in a folder that has nothing but the protos that proto/README.md names. */
describe("The public protos, alone", function () {
  this.timeout(30_000);
  let folder: string;
  before(async function () {
    await needs(this, "protoc", "protobuf-compiler");
    folder = await mkdtemp(join(tmpdir(), "ccsp-protos-"));
    await take("gateway/v1/agent_service.proto", "access", "task", "error", "usage");
  });
  const take = async (...names: string[]) => {
    for (const name of names)
      await cp(join(PROTOS, "ccsp", name), join(folder, "proto/ccsp", name), { recursive: true });
  };
  after(() => folder && rm(folder, { recursive: true }));

  const generate = async (options: string, paths = AGENTS) => {
    await run("bash", ["-ec", `rm -rf gen && mkdir gen && protoc -I proto ${options} ${paths}`], { cwd: folder });
    const files = await readdir(join(folder, "gen"), { recursive: true });
    return new Set(files);
  };

  it("are enough for Java, with a file for each message", async () => {
    const files = await generate("--java_out=gen");
    for (const name of [
      "gateway/v1/RunTaskRequest",
      "task/v1/Schedule",
      "task/v1/TaskFilter",
      "error/v1/ErrorReason",
    ]) {
      assert.ok(files.has(`ccsp/${name}.java`), name);
    }
  });

  it("are enough for Go", async function () {
    await needs(this, "protoc-gen-go", "protoc-gen-go");
    await needs(this, "protoc-gen-go-grpc", "protoc-gen-go-grpc");
    const files = await generate("--go_out=gen --go-grpc_out=gen");
    for (const name of ["gateway/v1/agent_service_grpc.pb.go", "task/v1/schedule.pb.go", "error/v1/reason.pb.go"]) {
      assert.ok(files.has(`ccsp/${name}`), name);
    }
  });

  it("are enough for operators, with the files of the services behind the gateway", async () => {
    await take("gateway", "queue", "executor", "monitor", "notification");
    const files = await generate("--java_out=gen", OPERATORS);
    for (const name of ["gateway/v1/ListExecutorsResponse", "queue/v1/GetStatusResponse"])
      assert.ok(files.has(`ccsp/${name}.java`), name);
  });
});

async function needs(context: Parameters<typeof skip>[0], program: string, debian: string): Promise<void> {
  await run("sh", ["-c", `command -v ${program}`]).catch(() =>
    skip(context, `${program} is not installed (Debian: ${debian})`),
  );
}
