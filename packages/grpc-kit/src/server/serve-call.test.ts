import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { Metadata, type ServerUnaryCall, status } from "@grpc/grpc-js";
import { pino } from "pino";
import { CallerBounds } from "../bounds/caller-bounds.js";
import { untraced } from "../wire/call-span.js";
import { type Serving, serveUnary } from "./serve-call.js";

describe("a unary call that has ended for its caller", () => {
  it("ends at once at the server, even when its handler answers later", async () => {
    const observed: string[] = [];
    const answers: unknown[] = [];
    const serving: Serving = {
      log: pino({ level: "silent" }),
      refused: () => undefined,
      observe: (_path, code) => void observed.push(status[code]),
      traced: new Set(),
      streams: new Set(),
      unary: new Set(),
      stopping: false,
      stalledMs: 1_000,
      repeatWithinMs: 1_000,
      callers: new CallerBounds(),
    };
    let answer = (_response: object): void => undefined;
    const work = new Promise<object>((resolve) => (answer = resolve));
    const call = incoming();

    serveUnary({ handle: () => work, encode: () => Buffer.alloc(0), inSpan: untraced }, serving)(
      call,
      (...args) => void answers.push(args),
    );
    assert.equal(serving.unary.size, 1);
    call.emit("cancelled");
    assert.deepEqual([observed, answers.length, serving.unary.size], [["CANCELLED"], 1, 0]);
    answer({});
    await turn();
    assert.deepEqual([observed, answers.length], [["CANCELLED"], 1]);
  });
});

/** A stand-in with the part of a grpc-js call that the code under test reads. */
function incoming(): ServerUnaryCall<unknown, unknown> {
  const call = { metadata: new Metadata(), getDeadline: () => Infinity, getPath: () => "/s/M", getPeer: () => "peer" };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a stand-in
  return Object.assign(new EventEmitter(), call) as unknown as ServerUnaryCall<unknown, unknown>;
}
