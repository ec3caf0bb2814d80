import { replayWithKills } from "./replay.js";

describe("100,000 ends of attempts", function () {
  this.timeout(900_000);
  it("are counted exactly, although consumers are killed at random", () =>
    replayWithKills({ ends: 100_000, kills: 15 }));
});
