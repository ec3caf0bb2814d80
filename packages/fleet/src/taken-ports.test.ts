import assert from "node:assert/strict";
import { takenPorts } from "./taken-ports.js";

describe("takenPorts", () => {
  it("names every port of the services that is taken, and its service", async () => {
    const taken = await takenPorts(undefined, async (port) => port !== 3000 && port !== 9004);
    assert.deepEqual(taken, ["3000 (gateway)", "9004 (notification's ops port)"]);
  });

  it("asks for another port of the gateway, if it has one", async () => {
    const isOurs = async (port: number) => port !== 3000;
    assert.deepEqual(await takenPorts(4000, isOurs), []);
    assert.deepEqual(await takenPorts(0, isOurs), []);
    assert.deepEqual(await takenPorts(4000, async (port) => port !== 4000), ["4000 (gateway)"]);
  });
});
