import assert from "node:assert/strict";
import { type Child, startFixture } from "./child.js";

describe("a service as a process", () => {
  const children: Child[] = [];
  const start = (steps: string, env: Readonly<Record<string, string>> = {}): Child => {
    const child = startFixture({ CCSP_FIXTURE_STEPS: steps, ...env });
    children.push(child);
    return child;
  };

  afterEach(async () => {
    for (const child of children.splice(0)) {
      child.kill("SIGKILL");
      await child.ended;
    }
  });

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it(`closes newest first, flushes and exits with 0 on ${signal}`, async () => {
      const child = start("open:a,open:b");
      await child.says('"ready"');
      child.kill(signal);
      const { code, stdout } = await child.ended;
      assert.equal(code, 0);
      assert.deepEqual(messages(stdout), [
        "opening a",
        "opening b",
        "ready",
        "stopping",
        "closed b",
        "closed a",
        "flushed",
        "stopped",
      ]);
      assert.match(stdout.join("\n"), new RegExp(`"signal":"${signal}"`));
    });
  }

  it("closes what was opened and exits with 0 when SIGTERM comes while a resource does not open", async () => {
    const child = start("open:a,open-never:b,open:c");
    await child.says("opening b");
    child.kill("SIGTERM");
    const { code, stdout } = await child.ended;
    assert.equal(code, 0);
    assert.deepEqual(messages(stdout).slice(0, 5), [
      "opening a",
      "opening b",
      "stopping before the start was done",
      "still opening, left behind",
      "closed a",
    ]);
    assert.ok(!messages(stdout).includes("opening c"));
  });

  it("closes a resource that opens after the stop began", async () => {
    const child = start("open:a,open-when-stopped:b,open:c");
    await child.says("opening b");
    child.kill("SIGTERM");
    const { code, stdout } = await child.ended;
    assert.equal(code, 0);
    assert.deepEqual(messages(stdout), [
      "opening a",
      "opening b",
      "stopping before the start was done",
      "closed b",
      "closed a",
      "flushed",
      "stopped",
    ]);
  });

  it("closes what was opened and exits with 1 when the start fails", async () => {
    const { code, stdout } = await start("open:a,open-fails:b,open:c").ended;
    assert.equal(code, 1);
    assert.deepEqual(messages(stdout), ["opening a", "opening b", "start failed", "closed a", "flushed", "stopped"]);
    assert.match(stdout.join("\n"), /b is away/);
  });

  it("closes the others and exits with 1 when a close fails", async () => {
    const child = start("open:a,close-fails:b,open:c");
    await child.says('"ready"');
    child.kill("SIGTERM");
    const { code, stdout } = await child.ended;
    assert.equal(code, 1);
    assert.deepEqual(messages(stdout).slice(-5), ["closed c", "close failed", "closed a", "flushed", "stopped"]);
  });

  it("exits at once on a second signal", async () => {
    const child = start("open:a,close-never:b");
    await child.says('"ready"');
    child.kill("SIGTERM");
    await child.says('"stopping"');
    child.kill("SIGINT");
    const { code, stdout } = await child.ended;
    assert.equal(code, 130);
    assert.equal(messages(stdout).at(-1), "second signal, exiting at once");
  });

  it("exits even if something was left open, and names what holds the process", async () => {
    const child = start("forget:a");
    await child.says('"ready"');
    child.kill("SIGTERM");
    const { code, stdout } = await child.ended;
    assert.equal(code, 0);
    assert.match(stdout.at(-1) ?? "", /"held":\[.*"Timeout".*\].*something was left open, exiting anyway/);
  });

  it("keeps its exit code when spans cannot be flushed", async () => {
    const child = start("open:a", { FLUSH_FAILS: "1" });
    await child.says('"ready"');
    child.kill("SIGTERM");
    const { code, stdout } = await child.ended;
    assert.equal(code, 0);
    assert.ok(messages(stdout).includes("spans may be lost"));
  });

  it("logs the reason when it crashes, and neither log nor stderr has what the error carries", async () => {
    const { code, stdout, stderr } = await start("open:a,crash-when-ready:b").ended;
    assert.equal(code, 1);
    assert.match(stdout.at(-1) ?? "", /b crashed.*"msg":"crashed"/);
    assert.doesNotMatch([...stdout, ...stderr].join("\n"), /PRIVATE/);
  });

  it("is named after its host and process, unless a name is set", async () => {
    const unnamed = start("open-fails:a", { CCSP_INSTANCE: " " });
    assert.match((await unnamed.ended).stdout[0] ?? "", /"instance":".+-\d+"/);
    const named = start("open-fails:a", { CCSP_INSTANCE: "fixture-7" });
    assert.match((await named.ended).stdout[0] ?? "", /"instance":"fixture-7"/);
  });

  it("logs the warnings about its settings", async () => {
    const { stdout } = await start("open-fails:a", { CCSP_FIXTURE_LISTN: "x" }).ended;
    assert.match(stdout[0] ?? "", /is CCSP_FIXTURE_LISTEN meant\?/);
  });
});

describe("a service's command line", () => {
  it("reports every fault of the configuration on stderr and exits with 2, before anything is opened", async () => {
    const env = { CCSP_FIXTURE_STEPS: "open:a", CCSP_LOG_LEVEL: "loud", CCSP_DRAIN_TIMEOUT: "20" };
    const { code, stdout, stderr } = await startFixture(env).ended;
    assert.equal(code, 2);
    assert.deepEqual(stdout, []);
    assert.equal(stderr[0], "fixture: the configuration has 2 faults:");
    assert.match(stderr[1] ?? "", /CCSP_LOG_LEVEL/);
    assert.match(stderr[2] ?? "", /CCSP_DRAIN_TIMEOUT/);
  });

  it("checks the configuration and exits when asked", async () => {
    const { code, stdout } = await startFixture({}, ["--check-config"]).ended;
    assert.equal(code, 0);
    assert.deepEqual(stdout, ["configuration is valid"]);
  });

  it("refuses an unknown argument with a hint", async () => {
    const { code, stderr } = await startFixture({}, ["--port=1"]).ended;
    assert.equal(code, 2);
    assert.match(stderr.join(), /unknown argument --port=1; expected \[--help \| --check-config\]/);
  });
});

/** Returns the messages of log lines. Other lines are returned unchanged. */
function messages(lines: readonly string[]): string[] {
  return lines.map((line) => (line.startsWith("{") ? String(JSON.parse(line).msg) : line));
}
