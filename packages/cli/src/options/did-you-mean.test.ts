import assert from "node:assert/strict";
import { didYouMean } from "./did-you-mean.js";

describe("the guess at a misspelt word", () => {
  it("is a similar name in any case, several names, or nothing", () => {
    const names = ["RUNNING", "FAILED", "QUEUED"];
    assert.equal(didYouMean("Faild", names), "(Did you mean failed?)");
    assert.equal(didYouMean("lo", ["low", "log"]), "(Did you mean one of log, low?)");
    for (const word of ["cheese", "", "--hlp", "help"]) assert.equal(didYouMean(word, ["failed"]), "");
  });
});
