import assert from "node:assert/strict";
import { takenPorts } from "./taken-ports.js";

describe("takenPorts", () => {
  it("names every port of the services that is taken, and its service", async () => {
    const taken = await takenPorts(async (port) => port !== 3000 && port !== 9004);
    assert.deepEqual(taken, ["3000 (gateway)", "9004 (notification's ops port)"]);
  });
});
