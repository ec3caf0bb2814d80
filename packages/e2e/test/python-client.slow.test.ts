import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { monitorClient } from "@ccsp/e2e-kit/internal-clients.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { Budget, BudgetPeriod, BudgetUnit } from "@ccsp/protos/ccsp/usage/v1/budgets.js";
import { eventually, skip } from "@ccsp/testkit";
import {
  installFromSource,
  installPythonClient,
  PYTHON_CLIENT,
  type PythonClient,
  whyNoPython,
} from "../src/python.js";

describe("the Python client, installed from its wheel", function () {
  this.timeout(120_000);
  let client: PythonClient;
  before(async function () {
    const missing = await whyNoPython();
    if (missing !== undefined) skip(this, missing);
    client = await installPythonClient();
  });
  after(() => client?.close());

  it("has the version of the project", async () => {
    const text = await readFile(new URL("../../../package.json", import.meta.url), "utf8");
    const version = /"version": "([^"]+)"/.exec(text)?.[1];
    assert.deepEqual(client.wheels, [`ccsp_client-${version}-py3-none-any.whl`]);
  });

  it("shows on its page the example that the test below runs", async () => {
    const page = await readFile(join(PYTHON_CLIENT, "README.md"), "utf8");
    const [, shown] = /```python\n(.*?)```/s.exec(page) ?? [];
    assert.equal(shown, await readFile(join(PYTHON_CLIENT, "examples/stream.py"), "utf8"));
  });

  it("passes its own tests, against a gateway in memory", () => passesItsTests(client));

  // The lowest 5, and the newest 7. The wheel is the same for all.
  for (const protobuf of ["protobuf==5.26.0", "protobuf>=7,<8"]) {
    it(`passes them, and mypy with types of messages, as pip alone builds it for ${protobuf}`, async function () {
      // pip downloads, and mypy reads all types of protobuf.
      this.timeout(600_000);
      const built = await installFromSource([protobuf, "types-protobuf", "mypy"]).catch((error: Error) =>
        /No matching distribution|Could not find a version|Connection/.test(error.message)
          ? skip(this, "pip reaches no index with these packages")
          : Promise.reject(error),
      );
      try {
        await passesItsTests(built);
        const wrong = 'import ccsp\nprint(ccsp.Client("a", token="b").get("0-1").spec.promt)\n';
        await writeFile(join(built.folder, "wrong.py"), wrong);
        assert.deepEqual(await mypyFaults(built, ["-p", "ccsp"]), []);
        assert.deepEqual(await mypyFaults(built, [join(PYTHON_CLIENT, "examples")]), []);
        assert.deepEqual(await mypyFaults(built, [join(built.folder, "wrong.py")]), ["attr-defined"]);
      } finally {
        await built.close();
      }
    });
  }

  it("has types that mypy accepts, in the strictest mode", async function () {
    this.timeout(600_000);
    try {
      await client.python(["-m", "mypy", "--version"]);
    } catch {
      skip(this, "mypy is not installed (Debian: mypy)");
    }
    const wrong = join(client.folder, "wrong.py");
    await writeFile(wrong, 'import ccsp\nccsp.Client("a", token="b").run("c", priority="hi", unknown=1)\n');
    // mypy says nothing of an installed package, unless it is named.
    assert.deepEqual(await mypyFaults(client, ["-p", "ccsp"]), []);
    assert.deepEqual(await mypyFaults(client, [join(PYTHON_CLIENT, "examples")]), []);
    // It knows the fields of a task: without `Unpack`, it would take any.
    assert.deepEqual(await mypyFaults(client, [wrong]), ["arg-type", "call-arg"]);
  });

  describe("with the real Claude Code CLI and a simulated model", () => {
    let world: World;
    before(async () => void (world = await startWorld()));
    after(() => world?.close());

    const example = async (name: string, env: Readonly<Record<string, string>> = {}) =>
      (
        await client.python([join(PYTHON_CLIENT, "examples", `${name}.py`)], {
          CCSP_GATEWAY: world.fleet.gatewayAddress,
          CCSP_TOKEN: await world.token("python"),
          ...env,
        })
      ).stdout;
    const script = async (text: string, env: Readonly<Record<string, string>> = {}) =>
      await client.python(["-c", text], { CCSP_GATEWAY: world.fleet.gatewayAddress, ...env });

    it("streams an answer", async () => {
      assert.match(await example("stream"), /You said: Say hello in one sentence/);
    });

    it("asks several questions at once, in asyncio code", async () => {
      assert.match(await example("many"), /^Name a river: You said: Name a river\n(.*\n)*Name a lake: You said/);
    });

    it("submits a batch, and finds it again when the program starts a second time", async () => {
      const printed = await example("batch");
      assert.match(printed, /Name a river: You said: Name a river\n/);
      assert.match(printed, /3 of 3 succeeded/);
      assert.equal(await example("batch"), printed);
    });

    it("keeps schedules", async () => {
      assert.match(
        await example("schedule"),
        /^morning-report runs next at 20\d\d-.*:30:00Z\nall schedules: \['morning-report'\]$/m,
      );
    });

    it("continues a conversation, and forks it", async () => {
      assert.match(await example("conversation"), /You said: What is my name\?\n.*own: True/);
    });

    it("retries a task that failed for good", async () => {
      const printed = await example("retry", { PROMPT: "mend it [[sim:too-long times=1]]" });
      assert.match(printed, /^failed after all attempts: CONTEXT_OVERFLOW\nYou said: mend it/);
    });

    it("tells what the agent used, expects and may use, and the trace of its newest task", async () => {
      const monitor = monitorClient(world);
      const holder = { holder: { $case: "agentId", value: "python" } } as const;
      const bound = { limit: 1_000, unit: BudgetUnit.REQUESTS, period: BudgetPeriod.MONTH };
      await monitor.putBudget({ budget: Budget.fromPartial({ name: "mine", holder, ...bound }), who: "ada" });
      monitor.close();
      const printed = await eventually(async () => {
        const text = await example("usage");
        assert.match(text, /\(high\): \d+ run\(s\), [1-9]\d* tokens, \$0\.\d+\n/);
        return text;
      });
      assert.match(printed, /^no forecast: \S/m);
      assert.match(printed, /^budget mine: \d+% used, until 20\d\d-\d\d-01T00:00 UTC$/m);
      assert.match(printed, /^trace [0-9a-f]{32}: the gateway cannot read it$/m);
    });

    it("runs a task in the trace that the agent names", async () => {
      const trace = "0af7651916cd43dd8448eb211c80319c";
      const { stdout } = await script(
        `
import ccsp
client = ccsp.Client()
task = client.submit("traced", traceparent="00-${trace}-b7ad6b7169203331-01")
print(client.get(task.id).trace_id)
`,
        { CCSP_TOKEN: await world.token("python") },
      );
      assert.equal(stdout, `${trace}\n`);
    });

    it("tells a spent budget from a refused one", async () => {
      assert.match(await example("budget", { BUDGET: "0.000001" }), /stopped: BUDGET_EXCEEDED/);
      assert.match(await example("budget", { BUDGET: "-1" }), /refused: spec\.limits\.budget_usd /);
    });

    it("continues a stream after a restart of the gateway, with a token that is new for each call", async () => {
      const gate = world.simulator.gate();
      const printing = script(
        `
import ccsp, itertools, os
tokens = iter([os.environ["EXPIRED"]])
client = ccsp.Client(os.environ["CCSP_GATEWAY"], token=lambda: next(tokens, os.environ["CCSP_TOKEN"]))
run = client.run("through a restart ${gate.marker}")
events = list(run)
print([type(event).__name__ for event in events if not isinstance(event, ccsp.Text)])
sequences = [event.sequence for event in events]
assert sequences == sorted(set(sequences)), sequences
print(run.text == run.result().text, run.text)
`,
        { CCSP_TOKEN: await world.token("python"), EXPIRED: await world.token("python", { ttlSeconds: -60 }) },
      );
      await gate.reached;
      await world.fleet.terminate("gateway");
      await eventually(() => world.fleet.ready(), { timeoutMs: 20_000 });
      gate.release();
      const { stdout } = await printing;
      assert.match(stdout, /\['Accepted', 'Started', .*'Ended'\]\nTrue You said: through a restart/);
    });

    it("says what it tried for two seconds when no gateway answers", async () => {
      const { stdout } = await script(`
import ccsp
try:
    ccsp.Client("127.0.0.1:1", token="any").run("hello").result()
except ccsp.UnavailableError as error:
    print(error)
`);
      assert.match(
        stdout,
        /no gateway could be reached: tried 127\.0\.0\.1:1 for 2 s without TLS \(.*Connection refused\)/,
      );
    });
  });
});

async function passesItsTests(client: Pick<PythonClient, "python">): Promise<void> {
  const { stderr } = await client.python(["-m", "unittest", "discover", "-v", "-s", join(PYTHON_CLIENT, "tests")]);
  assert.match(stderr, /^Ran [1-9]\d+ tests/m);
  assert.match(stderr, /^OK$/m);
}

/** The codes of the errors that mypy finds in these files, in the strictest mode. */
async function mypyFaults(client: Omit<PythonClient, "wheels">, files: readonly string[]): Promise<string[]> {
  const { stdout: said } = await client.python(["-m", "mypy", "--version"]);
  const [, major = 0, minor = 0] = /(\d+)\.(\d+)/.exec(said)?.map(Number) ?? [];
  // Before 1.7, mypy takes `Unpack` only when it is told to. Later, this option makes a warning.
  const early = major < 1 || (major === 1 && minor < 7) ? ["--enable-incomplete-feature=Unpack"] : [];
  const config = ["--config-file", join(PYTHON_CLIENT, "pyproject.toml"), "--cache-dir", join(client.folder, "mypy")];
  const run = client.python(["-m", "mypy", ...config, ...early, ...files]);
  const printed = await run.then(
    ({ stdout }) => stdout,
    (error: Error & { stdout?: string }) => error.stdout ?? error.message,
  );
  assert.match(printed, /^(?:Success: no issues found|Found \d+ errors?) in /m);
  return [...printed.matchAll(/: error: .*\[(.*)\]$/gm)].map(([, code = ""]) => code).toSorted();
}
