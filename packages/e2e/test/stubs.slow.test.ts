import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { blocksOf, ROOT } from "@ccsp/docs-generator/blocks.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { skip } from "@ccsp/testkit";

const run = promisify(execFile);
const PAGE = "docs/other-languages.md";
const GRPCURL = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3";
const BUILD_MS = 40 * 60_000;

type Context = Parameters<typeof skip>[0];

/** It downloads modules from the registries of Go, Maven and Rust, so it is run by hand: `make test-stubs`. */
describe(`An agent of ${PAGE}, built from what the page says,`, function () {
  this.timeout(BUILD_MS);
  let folder: string;
  let world: World;
  let env: Record<string, string>;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "ccsp-stubs-"));
    world = await startWorld();
    env = { CCSP_GATEWAY: world.fleet.gatewayAddress, CCSP_TOKEN: await world.token("stubs") };
  });
  after(async () => {
    await world?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** The block of this language on the page that has this text. */
  const shown = (language: string, text: string): string => {
    const block = blocksOf(PAGE).find((each) => each.language === language && each.text.includes(text));
    assert.ok(block, `${PAGE} shows no ${language} with ${text}`);
    return block.text;
  };

  /** A project with the protos that the page names, and these files. */
  async function project(name: string, protos: string, files: Readonly<Record<string, string>>): Promise<string> {
    const at = join(folder, name);
    const paths = ["gateway/v1/agent_service.proto", "access", "task", "error", "usage"];
    for (const path of paths)
      await cp(join(ROOT, "proto/ccsp", path), join(at, protos, "ccsp", path), { recursive: true });
    for (const [file, text] of Object.entries(files)) {
      await mkdir(dirname(join(at, file)), { recursive: true });
      await writeFile(join(at, file), text);
    }
    return at;
  }

  const build = async (cwd: string, script: string): Promise<void> => {
    await run("bash", ["-ec", script], { cwd, maxBuffer: 1 << 26, timeout: BUILD_MS });
  };

  /** The agent streams the answer of the simulated model to its end, and reads the reason of a refusal. */
  async function assertRuns(cwd: string, program: string, args: readonly string[] = []): Promise<void> {
    const { stdout } = await run(program, args, { cwd, env: { PATH: process.env["PATH"] ?? "", ...env } });
    assert.match(stdout, /Say hello/);
    assert.match(stdout, /^(TASK_STATE_)?SUCCEEDED$/m);
  }

  async function assertReads(reason: string, cwd: string, program: string): Promise<void> {
    const refused = run(program, [], { cwd, env: { ...env, CCSP_TOKEN: "wrong" } });
    await assert.rejects(refused, (error: { stdout?: string; stderr?: string }) => {
      assert.match(`${error.stdout}${error.stderr}`, new RegExp(`reason: ${reason}`));
      return true;
    });
  }

  it("runs in Go", async function () {
    await needs(this, "protoc", "protoc-gen-go", "protoc-gen-go-grpc", "go");
    const at = await project("go", "proto", { "main.go": shown("go", "package main") });
    await mkdir(join(at, "gen"));
    await build(at, `${shown("sh", "--go_out=gen")}${shown("sh", "go mod init agent")}`);
    await assertRuns(at, "./agent");
    await assertReads("TOKEN_INVALID", at, "./agent");
  });

  it("runs in Java", async function () {
    await needs(this, "mvn", "java");
    const at = await project("java", "src/main/proto", {
      "pom.xml": shown("xml", "protobuf-maven-plugin"),
      "src/main/java/Agent.java": shown("java", "public class Agent"),
    });
    await build(at, "mvn -B -q package org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies");
    await assertRuns(at, "java", ["-cp", "target/classes:target/dependency/*", "Agent"]);
  });

  it("runs in Rust", async function () {
    await needs(this, "cargo", "protoc");
    const at = await project("rust", "proto", {
      "Cargo.toml": shown("toml", "[build-dependencies]"),
      "build.rs": shown("rust", "tonic_prost_build"),
      "src/main.rs": shown("rust", "AgentServiceClient"),
    });
    await build(at, "cargo build --quiet");
    await assertRuns(at, "target/debug/agent");
    await assertReads("TOKEN_INVALID", at, "target/debug/agent");
  });

  it("runs in C++", async function () {
    await needs(this, "cmake", "protoc", "grpc_cpp_plugin");
    await run("pkg-config", ["--exists", "grpc++"]).catch(() =>
      skip(this, "grpc++ is not installed (Debian: libgrpc++-dev)"),
    );
    const at = await project("cpp", "proto", {
      "CMakeLists.txt": shown("cmake", "project(agent"),
      "main.cc": shown("cpp", "int main"),
    });
    await cp(join(ROOT, "proto/google"), join(at, "proto/google"), { recursive: true });
    await build(at, "cmake -S . -B build && cmake --build build");
    await assertRuns(at, "build/agent");
    await assertReads("TOKEN_INVALID", at, "build/agent");
  });

  it("is not even needed for grpcurl, which describes and calls by server reflection", async function () {
    await needs(this, "go");
    await run("go", ["install", GRPCURL], { env: { ...process.env, GOBIN: folder }, timeout: BUILD_MS });
    const grpcurl = (...args: string[]) => run(join(folder, "grpcurl"), ["-plaintext", ...args]);
    const { CCSP_GATEWAY: gateway = "", CCSP_TOKEN: token } = env;
    const { stdout: described } = await grpcurl(gateway, "describe", "ccsp.gateway.v1.AgentService.GetTask");
    assert.match(described, /Reads one task with its result/);
    assert.match(described, /option \(\.?ccsp\.access\.v1\.access\) = \{ scopes: \[ "tasks:read" \] \}/);
    const call = ["-H", `authorization: Bearer ${token}`, "-d", '{"spec":{"prompt":"by reflection"}}', gateway];
    const { stdout: streamed } = await grpcurl(...call, "ccsp.gateway.v1.AgentService/RunTask");
    assert.match(streamed, /TASK_STATE_SUCCEEDED/);
  });
});

async function needs(context: Context, ...programs: string[]): Promise<void> {
  for (const program of programs)
    await run("sh", ["-c", `command -v ${program}`]).catch(() => skip(context, `${program} is not installed`));
}
