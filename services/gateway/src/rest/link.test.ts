import assert from "node:assert/strict";
import { linkToNext } from "./link.js";

describe("the link to the next page", () => {
  it("keeps every other parameter, also one with a question mark in it", () => {
    const next = (url: string) => linkToNext(url, "pageToken", "a/b");
    assert.equal(next("/api/v2/tasks"), '</api/v2/tasks?pageToken=a%2Fb>; rel="next"');
    assert.equal(
      next("/api/v2/tasks?filter.text=why?&states=QUEUED&states=PARKED&pageToken=before"),
      '</api/v2/tasks?filter.text=why%3F&states=QUEUED&states=PARKED&pageToken=a%2Fb>; rel="next"',
    );
  });
});
