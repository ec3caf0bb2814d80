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
});
