import { replayWithKills } from "./replay.js";

describe("10,000 ends of attempts", function () {
  this.timeout(180_000);
  it("are counted exactly, although consumers are killed at random", () => replayWithKills({ ends: 10_000, kills: 2 }));
});
