import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readEnvironmentFile } from "./settings.js";

describe("a file with the environment of an engine", () => {
  it("is named by its setting when it cannot be read, and its content is never shown", async () => {
    const folder = await mkdtemp(join(tmpdir(), "ccsp-environment-file-test-"));
    try {
      const path = join(folder, "login.env");
      await assert.rejects(readEnvironmentFile(path, "CCSP_LOGIN_FILE"), /^Error: CCSP_LOGIN_FILE: ENOENT.*login\.env/);
      await writeFile(path, "# a login\nKEY=value\nsecret\n");
      await assert.rejects(
        readEnvironmentFile(path, "CCSP_LOGIN_FILE"),
        (error: Error) =>
          /CCSP_LOGIN_FILE: line 3 of .*login\.env/.test(error.message) && !/secret/.test(error.message),
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
