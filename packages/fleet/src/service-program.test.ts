import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { serviceProgram, singleProgram } from "./service-program.js";

describe("serviceProgram", () => {
  let root: string;
  const write = async (path: string, time: number) => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), "");
    await utimes(join(root, path), time, time);
  };
  const bundle = () => ({ nodeArgs: [], program: join(root, ".tools/bundles/queue/main.js") });
  const dist = () => ({
    nodeArgs: ["--import", join(root, "packages/telemetry/dist/register.js")],
    program: join(root, "services/queue/dist/main.js"),
  });

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "ccsp-program-"));
  });
  afterEach(() => rm(root, { recursive: true }));

  it("is the bundle of a checkout, and dist/ once the service was compiled after it", async () => {
    await write("services/queue/tsconfig.tsbuildinfo", 1_000);
    await write(".tools/bundles/queue/main.js", 2_000);
    assert.deepEqual(serviceProgram(join(root, "services", "queue")), bundle());
    await write("services/queue/tsconfig.tsbuildinfo", 3_000);
    assert.deepEqual(serviceProgram(join(root, "services", "queue")), dist());
  });

  it("is dist/ where nothing is bundled", () => {
    assert.deepEqual(serviceProgram(join(root, "services", "queue")), dist());
  });

  it("is for the one process of all services a bundle of its own, or the command", async () => {
    const { nodeArgs } = dist();
    assert.deepEqual(singleProgram(root), { nodeArgs, program: join(root, "packages/cli/bin/ccsp.js") });
    await write(".tools/bundles/single/main.js", 2_000);
    assert.deepEqual(singleProgram(root), { nodeArgs: [], program: join(root, ".tools/bundles/single/main.js") });
  });
});
