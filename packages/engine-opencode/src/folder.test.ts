import { join } from "node:path";
import { attackPlace, HOSTILE_FILES } from "@ccsp/testkit";
import { type OpenCodeProfile, prepareFolder } from "./folder.js";

const PROFILE: OpenCodeProfile = {
  model: "anthropic/some",
  baseUrl: undefined,
  apiKey: "key",
  tools: [],
  maxRetries: 1,
  modelsFile: undefined,
  declared: {},
};

describe("the configuration of OpenCode in the folder of a run", function () {
  this.timeout(10_000);
  for (const file of [join("home", ".config", "opencode", "opencode.json"), "system-prompt.txt"]) {
    for (const attack of HOSTILE_FILES) {
      // The folder of the run itself is not one that the run can replace.
      if (file === "system-prompt.txt" && attack === "a symlink in place of its folder") continue;
      it(`is not written through ${attack} at ${file}`, () =>
        attackPlace(
          {
            what: "prepares",
            file,
            async act(run, _file, put) {
              await put();
              await prepareFolder(PROFILE, run, "be brief", false);
            },
          },
          attack,
        ));
    }
  }
});
