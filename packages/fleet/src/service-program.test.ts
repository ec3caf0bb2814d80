import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { serviceProgram, singleProgram } from "./service-program.js";

describe("serviceProgram", () => {
  let root: string;
  let coverage: string | undefined;
  const write = async (path: string, time: number) => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), "");
    await utimes(join(root, path), time, time);
  };
  const program = () => serviceProgram(join(root, "services", "queue"));
  const bundle = () => [join(root, ".tools/bundles/queue/main.js")];
  const traced = (path: string) => ["--import", join(root, "packages/telemetry/dist/register.js"), join(root, path)];
  const dist = () => traced("services/queue/dist/main.js");

  beforeEach(async () => {
    coverage = process.env["NODE_V8_COVERAGE"];
    delete process.env["NODE_V8_COVERAGE"];
    root = await mkdtemp(join(tmpdir(), "ccsp-program-"));
  });
  afterEach(async () => {
    if (coverage === undefined) delete process.env["NODE_V8_COVERAGE"];
    else process.env["NODE_V8_COVERAGE"] = coverage;
    await rm(root, { recursive: true });
  });

  it("is the bundle of a checkout, and dist/ once the service was compiled after it", async () => {
    await write("services/queue/tsconfig.tsbuildinfo", 1_000);
    await write(".tools/bundles/queue/main.js", 2_000);
    assert.deepEqual(program(), bundle());
    await write("services/queue/tsconfig.tsbuildinfo", 3_000);
    assert.deepEqual(program(), dist());
  });

  it("is dist/ where nothing is bundled, and where coverage is counted", async () => {
    assert.deepEqual(program(), dist());
    await write(".tools/bundles/queue/main.js", 2_000);
    process.env["NODE_V8_COVERAGE"] = "/proc/no-coverage";
    assert.deepEqual(program(), dist());
  });

  it("is for the one process of all services a bundle of its own, or the command", async () => {
    assert.deepEqual(singleProgram(root), traced("packages/cli/bin/ccsp.js"));
    await write(".tools/bundles/single/main.js", 2_000);
    assert.deepEqual(singleProgram(root), [join(root, ".tools/bundles/single/main.js")]);
  });
});
