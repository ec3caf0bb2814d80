import assert from "node:assert/strict";
import { createCliOptions } from "./cli-options.js";

describe("the options of the installed CLI", () => {
  it("are asked for again after a run of another version, and after a run that reported none", async () => {
    let asked = 0;
    const options = createCliOptions(async () => new Set([`--new-${++asked}`]));
    const told = async (version: string | undefined) => {
      options.ran(version);
      await options.has("--any");
      return asked;
    };
    assert.ok(await options.has("--new-1"));
    assert.deepEqual(
      [await told("1.0"), await told("1.0"), await told("1.1"), await told(undefined), await told("1.1")],
      [1, 1, 2, 3, 3],
    );
  });
});
