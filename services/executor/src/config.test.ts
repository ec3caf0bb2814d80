import assert from "node:assert/strict";
import { ConfigError, load } from "@ccsp/config";
import { loadExecutorService } from "./service.js";

describe("the executor's settings", () => {
  it("are refused when an allowed root has the executor's folder or the file of more roots in it", async () => {
    const { define } = await loadExecutorService({});
    const faults = (roots: string): readonly string[] => {
      const own = { CCSP_EXECUTOR_DIR: "/srv/executor", CCSP_EXECUTOR_ALLOWED_ROOTS_FILE: "/etc/ccsp/roots" };
      try {
        load({ ...own, CCSP_EXECUTOR_ALLOWED_ROOTS: roots }, define);
        return [];
      } catch (error) {
        if (error instanceof ConfigError) return error.faults;
        throw error;
      }
    };
    assert.deepEqual(faults("/home/ada/,/srv/executor-2"), []);
    assert.deepEqual(faults("/srv,/etc/ccsp/"), [
      "CCSP_EXECUTOR_ALLOWED_ROOTS must not contain CCSP_EXECUTOR_DIR: tasks would read each other's files",
      "CCSP_EXECUTOR_ALLOWED_ROOTS must not contain CCSP_EXECUTOR_ALLOWED_ROOTS_FILE: tasks would allow themselves more",
    ]);
  });

  it("are warned of when runs could put a link at a path that other runs get", async () => {
    const { define } = await loadExecutorService({});
    const warnings = (env: Record<string, string>) =>
      load(
        { CCSP_EXECUTOR_DIR: "/srv/executor", CCSP_EXECUTOR_ALLOWED_ROOTS: "/home/ada", ...env },
        define,
      ).warnings.filter((warning) => warning.startsWith("CCSP_EXECUTOR_SANDBOX_"));
    assert.deepEqual(
      warnings({ CCSP_EXECUTOR_SANDBOX_READ: "/opt/tool,/home", CCSP_EXECUTOR_SANDBOX_WRITE: "/cache" }),
      [],
    );
    const many = warnings({
      CCSP_EXECUTOR_SANDBOX_READ: "/home/ada/tool,/cache/tool",
      CCSP_EXECUTOR_SANDBOX_WRITE: "/cache,/srv",
    });
    assert.match(many[0] ?? "", /^CCSP_EXECUTOR_SANDBOX_WRITE contains CCSP_EXECUTOR_DIR/);
    assert.match(
      many[1] ?? "",
      /^CCSP_EXECUTOR_SANDBOX_READ names \/home\/ada\/tool in \/home\/ada, where runs may write/,
    );
    assert.match(many[2] ?? "", /^CCSP_EXECUTOR_SANDBOX_READ names \/cache\/tool in \/cache, /);
    assert.equal(many.length, 3);
  });
});
