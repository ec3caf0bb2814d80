import { skip } from "../../src/index.js";

describe("a suite", () => {
  it("passes", () => undefined);
  it("is skipped with a reason", function () {
    skip(this, "no such tool");
  });
  it.skip("is skipped without one", () => undefined);
});

describe("a suite whose hook skips it", () => {
  before(function () {
    skip(this, "no such machine");
  });
  it("is skipped too", () => undefined);
});
