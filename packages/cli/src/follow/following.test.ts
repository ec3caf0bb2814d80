import assert from "node:assert/strict";
import { PassThrough, Readable } from "node:stream";
import { CallError, STATUS_OF } from "@ccsp/grpc-kit";
import { exitCodeOf } from "../connection/failed-call.js";
import { EXIT } from "../process/exit.js";
import type { EndSignal, Io } from "../process/io.js";
import { untilInterrupted } from "./following.js";
import { readOn } from "./read-on.js";

const away = new CallError(STATUS_OF.SHUTTING_DOWN, "no server is there");

describe("a stream that is opened again when it breaks", () => {
  const read = async (...streams: readonly (readonly (number | Error)[])[]) => {
    const [seen, left]: [number[], (readonly (number | Error)[])[]] = [[], [...streams]];
    const open = async function* () {
      for (const step of left.shift() ?? []) {
        if (step instanceof Error) throw step;
        yield step;
      }
    };
    const stderr = new PassThrough({ encoding: "utf8" });
    const io = {
      env: {},
      stdin: Readable.from([]),
      stdout: new PassThrough(),
      stderr,
      onInterrupt: () => () => undefined,
      onOutputFault: () => () => undefined,
    };
    for await (const each of readOn(io, open, new AbortController().signal)) seen.push(each);
    return { seen, told: String(stderr.read()) };
  };

  it("is opened again when its server goes away, and this is said once", async () => {
    const { seen, told } = await read([1, 2, away], [away], [3]);
    assert.deepEqual(seen, [1, 2, 3]);
    assert.equal(told.match(/asking again: /g)?.length, 1);
  });

  it("fails when no server has answered yet, and for any other fault", async () => {
    await assert.rejects(read([away], [1]), /no server is there/);
    await assert.rejects(read([1, new Error("a bug")], [2]), /a bug/);
  });
});

describe("what is followed until a signal", () => {
  const follow = async (what: (signal: AbortSignal, end: (signal: EndSignal) => void) => Promise<void>) => {
    let end: (signal: EndSignal) => void = () => assert.fail("nobody listens");
    const io = {
      onInterrupt(listener: typeof end) {
        end = listener;
        return () => undefined;
      },
    } as Io;
    return untilInterrupted(io, (signal) => what(signal, (given) => end(given))).then(
      () => EXIT.ok,
      (error: unknown) => exitCodeOf(error),
    );
  };

  it("ends with the signal's code, whether the stream then ends or breaks", async () => {
    const breaks = follow(async (signal, end) => {
      end("SIGINT");
      signal.throwIfAborted();
    });
    assert.equal(await breaks, EXIT.interrupted);
    assert.equal(await follow(async (_signal, end) => end("SIGTERM")), EXIT.terminated);
    assert.equal(await follow(async () => {}), EXIT.ok);
    assert.equal(await follow(async () => Promise.reject(away)), EXIT.unavailable);
  });
});
