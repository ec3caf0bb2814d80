import assert from "node:assert/strict";
import { takenPorts } from "./taken-ports.js";

describe("takenPorts", () => {
  it("names every port of the services that is taken, and its service", async () => {
    const taken = await takenPorts(undefined, async (port) => ![3000, 8080, 9004].includes(port));
    assert.deepEqual(taken, ["3000 (gateway)", "8080 (gateway's HTTP port)", "9004 (notification's ops port)"]);
  });

  it("asks for another port of the gateway, if it has one", async () => {
    const isOurs = async (port: number) => port !== 3000;
    assert.deepEqual(await takenPorts({ grpc: 4000 }, isOurs), []);
    assert.deepEqual(await takenPorts({ grpc: 0 }, isOurs), []);
    assert.deepEqual(await takenPorts({ http: 0 }, async (port) => port !== 8080), []);
    assert.deepEqual(await takenPorts({ grpc: 4000 }, async (port) => port !== 4000), ["4000 (gateway)"]);
  });
});
