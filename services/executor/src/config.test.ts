import assert from "node:assert/strict";
import { ConfigError, load } from "@ccsp/config";
import { MOST_OUTPUT_BYTES } from "@ccsp/protos/bounds.js";
import { loadExecutorService } from "./service.js";

type Define = Awaited<ReturnType<typeof loadExecutorService>>["define"];

function faultsOf(env: Record<string, string>, define: Define): readonly string[] {
  try {
    load(env, define);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}

describe("the executor's settings", () => {
  it("let a run print as much as the queue lets a task ask for, and no more", async () => {
    const { define } = await loadExecutorService({});
    assert.equal(load({}, define).config.policy.outputBytes, MOST_OUTPUT_BYTES);
    const faults = (bytes: number) => faultsOf({ CCSP_EXECUTOR_MAX_OUTPUT_BYTES: String(bytes) }, define);
    assert.deepEqual([faults(MOST_OUTPUT_BYTES), faults(MOST_OUTPUT_BYTES + 1).length], [[], 1]);
  });

  it("are refused when an allowed root has the executor's folder or the file of more roots in it", async () => {
    const { define } = await loadExecutorService({});
    const own = { CCSP_EXECUTOR_DIR: "/srv/executor", CCSP_EXECUTOR_ALLOWED_ROOTS_FILE: "/etc/ccsp/roots" };
    const faults = (roots: string) => faultsOf({ ...own, CCSP_EXECUTOR_ALLOWED_ROOTS: roots }, define);
    assert.deepEqual(faults("/home/ada/,/srv/executor-2"), []);
    assert.deepEqual(faults("/srv,/etc/ccsp/"), [
      "CCSP_EXECUTOR_ALLOWED_ROOTS must not contain CCSP_EXECUTOR_DIR: tasks would read each other's files",
      "CCSP_EXECUTOR_ALLOWED_ROOTS must not contain CCSP_EXECUTOR_ALLOWED_ROOTS_FILE: tasks would allow themselves more",
    ]);
  });

  it("are refused when a run could put a link at a path that later runs get", async () => {
    const { define } = await loadExecutorService({});
    const own = {
      CCSP_EXECUTOR_DIR: "/var/executor",
      CCSP_EXECUTOR_ALLOWED_ROOTS: "/home/ada,/srv/work/",
      CCSP_EXECUTOR_ALLOWED_ROOTS_FILE: "/etc/ccsp/roots",
    };
    const good = { CCSP_EXECUTOR_SANDBOX_READ: "/opt/tool,/home", CCSP_EXECUTOR_SANDBOX_WRITE: "/cache,/srv/work" };
    assert.deepEqual(faultsOf({ ...own, ...good }, define), []);
    const bad = {
      CCSP_EXECUTOR_SANDBOX_READ: "/home/ada/tool",
      CCSP_EXECUTOR_SANDBOX_WRITE: "/srv,/cache,/cache/tool,/etc/ccsp",
    };
    const why = "where runs may write: a run could put a link there, and later runs would get what it leads to";
    assert.deepEqual(faultsOf({ ...own, ...bad }, define), [
      "CCSP_EXECUTOR_SANDBOX_WRITE must not contain CCSP_EXECUTOR_ALLOWED_ROOTS_FILE: tasks would allow themselves more",
      `CCSP_EXECUTOR_ALLOWED_ROOTS must not name /srv/work in /srv, ${why}`,
      `CCSP_EXECUTOR_SANDBOX_READ must not name /home/ada/tool in /home/ada, ${why}`,
      `CCSP_EXECUTOR_SANDBOX_WRITE must not name /cache/tool in /cache, ${why}`,
    ]);
  });

  it("are warned of when runs could write in the folders of other runs", async () => {
    const { define } = await loadExecutorService({});
    const { warnings } = load({ CCSP_EXECUTOR_DIR: "/srv/executor", CCSP_EXECUTOR_SANDBOX_WRITE: "/srv" }, define);
    assert.ok(warnings.some((warning) => warning.startsWith("CCSP_EXECUTOR_SANDBOX_WRITE contains CCSP_EXECUTOR_DIR")));
  });
});
