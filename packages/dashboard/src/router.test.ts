import assert from "node:assert/strict";
import { matchPath } from "./router.js";

describe("matchPath", () => {
  it("finds the parameters of a path, decoded", () => {
    assert.deepEqual(matchPath("/tasks/:taskId", "/tasks/a%2Fb"), { taskId: "a/b" });
    assert.deepEqual(matchPath("/tasks", "/tasks"), {});
  });

  it("refuses another path, an empty parameter, and one that is not encoded rightly", () => {
    for (const path of ["/task", "/tasks/", "/tasks/a/b", "/tasks/%E0%A4%A"]) {
      assert.equal(matchPath("/tasks/:taskId", path), undefined, path);
    }
  });
});
