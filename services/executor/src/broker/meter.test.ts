import assert from "node:assert/strict";
import { buffer } from "node:stream/consumers";
import * as zlib from "node:zlib";
import * as fc from "fast-check";
import { type MeteredAnswer, openMeter } from "./meter.js";

type Coder = (bytes: Buffer) => Buffer;
const CODERS: Readonly<Record<string, Coder>> = {
  "": (bytes) => bytes,
  identity: (bytes) => bytes,
  gzip: (bytes) => zlib.gzipSync(bytes),
  deflate: (bytes) => zlib.deflateSync(bytes),
  br: (bytes) => zlib.brotliCompressSync(bytes),
  zstd: (bytes) => zlib.zstdCompressSync(bytes),
};
const SSE = "text/event-stream; charset=utf-8";
const JSON_TYPE = "application/json";
const MIB = 1024 ** 2;

const event = (type: string, more: object = {}) => `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
/** Two, three and four bytes of UTF-8 in what the meter tells, so that no cut inside a letter stays unseen. */
const MODEL = "claude-ü-模型-✨🧵";
const BEGIN = { input_tokens: 10, output_tokens: 1, cache_read_input_tokens: 300, cache_creation_input_tokens: 20 };
const START = event("message_start", { message: { type: "message", model: MODEL, stop_reason: null, usage: BEGIN } });
const TEXT = event("content_block_delta", {
  index: 0,
  delta: { type: "text_delta", text: "data: é\n\nevent: error 🧵" },
});
const DELTA = event("message_delta", { delta: { stop_reason: "end_turn" }, usage: { output_tokens: 42 } });
const STREAM = [
  START,
  event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
  event("ping"),
  TEXT,
  TEXT,
  event("message_delta", { delta: { stop_reason: null }, usage: { input_tokens: 11, output_tokens: 7 } }),
  DELTA,
  event("message_stop"),
].join("");
const USED = { inputTokens: 11, outputTokens: 42, cacheReadTokens: 300, cacheCreationTokens: 20 };
const WHOLE: MeteredAnswer = { model: MODEL, usage: USED, finishReason: "end_turn", unfinished: 0, complete: true };
const MESSAGE = JSON.stringify({
  ...{ type: "message", model: MODEL, content: [{ type: "text", text: TEXT }], stop_reason: "end_turn" },
  usage: { ...BEGIN, input_tokens: 11, output_tokens: 42, service_tier: "standard" },
});
const BEGUN = { inputTokens: 10, outputTokens: 1, cacheReadTokens: 300, cacheCreationTokens: 20 };

async function metered(chunks: Iterable<string | Uint8Array>, contentType = SSE, contentEncoding = "") {
  const meter = openMeter({ contentType, contentEncoding });
  for (const chunk of chunks) meter.add(Buffer.from(chunk));
  return await meter.end();
}

/** Cuts `bytes` at these places, each a share of the length. */
function cut(bytes: Buffer, shares: readonly number[]): Buffer[] {
  const places = [...shares.map((share) => Math.floor(share * bytes.length)), bytes.length].toSorted((a, b) => a - b);
  return places.map((place, i) => bytes.subarray(places[i - 1] ?? 0, place));
}

describe("the meter of an answer", () => {
  it("counts the same in each encoding, as a stream and as one JSON, wherever the bytes are cut", async () => {
    const forms = Object.entries(CODERS).flatMap(([encoding, code]) =>
      [STREAM, STREAM.replaceAll("\n", "\r\n"), MESSAGE].map((text, i) => ({
        ...{ encoding: encoding.toUpperCase(), type: i < 2 ? SSE : JSON_TYPE, bytes: code(Buffer.from(text)) },
      })),
    );
    const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 40 });
    const each = fc.asyncProperty(shares, async (places) => {
      for (const { encoding, type, bytes } of forms)
        assert.deepEqual(await metered(cut(bytes, places), type, encoding), WHOLE, `${type} ${encoding}`);
    });
    await fc.assert(each, { numRuns: 25 });
    for (const { encoding, type, bytes } of forms)
      assert.deepEqual(
        await metered(
          Array.from(bytes, (byte) => Uint8Array.of(byte)),
          type,
          encoding,
        ),
        WHOLE,
      );
  });

  it("tells of a stream that is cut what came until then, and that it is not complete", async () => {
    const flushed = {
      gzip: () => zlib.createGzip(),
      deflate: () => zlib.createDeflate(),
      br: () => zlib.createBrotliCompress(),
      zstd: () => zlib.createZstdCompress(),
    };
    const begun = { model: MODEL, usage: BEGUN, finishReason: undefined, unfinished: 0, complete: false };
    for (const [encoding, create] of Object.entries(flushed)) {
      const coder = create();
      coder.write(START);
      await new Promise<void>((resolve) => coder.flush(resolve));
      coder.write(TEXT);
      const sent: unknown = coder.read();
      coder.destroy();
      assert.ok(sent instanceof Buffer);
      assert.deepEqual(await metered([sent], SSE, encoding), begun, encoding);
    }
    const bytes = Buffer.from(STREAM);
    for (let length = 0; length < bytes.length; length++) {
      const { usage, complete } = await metered([bytes.subarray(0, length)]);
      const at = bytes.subarray(0, length).toString();
      const output = at.includes(DELTA) ? 42 : at.includes('"output_tokens":7}}\n\n') ? 7 : 1;
      const input = output === 1 ? 10 : 11;
      const known = at.includes(START) ? { ...BEGUN, inputTokens: input, outputTokens: output } : undefined;
      assert.deepEqual([usage, complete], [known, false], at);
    }
    assert.deepEqual(await metered([MESSAGE.slice(0, -1)], JSON_TYPE), {
      ...{ model: "", usage: undefined, finishReason: undefined, unfinished: 0, complete: false },
    });
  });

  it("estimates the tokens of an answer that is cut from the text that came, and of no other", async () => {
    const text = event("content_block_delta", { index: 0, delta: { type: "text_delta", text: "word".repeat(100) } });
    const cut = await metered([START, ...Array<string>(10).fill(text)]);
    assert.ok(cut.unfinished > 900 && cut.unfinished < 1_100, String(cut.unfinished));
    assert.equal((await metered([START, text, DELTA])).unfinished, 0);
    const word = event("content_block_delta", { index: 0, delta: { type: "text_delta", text: "word" } });
    assert.equal((await metered([START, word.repeat(50)])).unfinished, 50);
  });

  it("takes no word of a model or of an end that is too long or has a line break", async () => {
    for (const word of ["x".repeat(101), "a\nb"]) {
      const { model, finishReason } = await metered([JSON.stringify({ model: word, stop_reason: word })], JSON_TYPE);
      assert.deepEqual([model, finishReason], ["", undefined]);
    }
  });

  it("is not complete when the provider answers with an error, before or after the end", async () => {
    const error = event("error", { error: { type: "overloaded_error", message: "Overloaded" } });
    assert.deepEqual(await metered([START, TEXT, error]), {
      ...WHOLE,
      ...{ usage: BEGUN, finishReason: undefined, unfinished: 4 },
      complete: false,
    });
    assert.deepEqual(await metered([STREAM, error]), { ...WHOLE, complete: false });
    assert.equal((await metered(['{"type":"error","error":{}}'], JSON_TYPE)).complete, false);
  });

  it("takes only whole numbers that are 0 or greater, and keeps the last good one", async () => {
    const bad = ['"7"', "-1", "1e999", "NaN", "1.5", "null", "true", "[7]", '{"valueOf":7}', "9007199254740993"];
    for (const value of bad) {
      const json = `{"type":"message_delta","delta":{"stop_reason":7},"usage":{"output_tokens":${value}}}`;
      const { usage, finishReason } = await metered([START, `event: message_delta\ndata: ${json}\n\n`]);
      assert.deepEqual([usage, finishReason], [BEGUN, undefined], value);
      const alone = await metered([`{"model":7,"usage":{"output_tokens":${value}}}`], JSON_TYPE);
      assert.deepEqual([alone.model, alone.usage], ["", undefined], value);
    }
    const zero = event("message_delta", { usage: { output_tokens: 0 } });
    assert.equal((await metered([START, zero])).usage?.outputTokens, 0);
    const inherited = '{"__proto__":{"usage":{"input_tokens":7}},"usage":{"__proto__":{"output_tokens":7}}}';
    assert.equal((await metered([inherited], JSON_TYPE)).usage, undefined);
  });

  it("counts nothing in an encoding that it does not know", async () => {
    for (const encoding of ["constructor", "__proto__", "toString", "compress", "gzip, br"])
      assert.deepEqual(await metered([STREAM], SSE, encoding), {
        ...{ model: "", usage: undefined, finishReason: undefined, unfinished: 0, complete: false },
      });
  });

  it("ends without an error for any bytes, alone or after a good beginning", async () => {
    const kinds = fc.record({
      encoding: fc.constantFrom(...Object.keys(CODERS), "constructor"),
      type: fc.constantFrom(SSE, JSON_TYPE, "", "\0;;"),
      noise: fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }),
      good: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    const each = fc.asyncProperty(kinds, async ({ encoding, type, noise, good }) => {
      const bytes = CODERS[encoding]?.(Buffer.from(STREAM)) ?? Buffer.alloc(0);
      const { usage } = await metered(noise, type, encoding);
      assert.equal(usage, undefined);
      const mixed = await metered([bytes.subarray(0, Math.floor(good * bytes.length)), ...noise], type, encoding);
      assert.ok(mixed.usage === undefined || mixed.usage.cacheReadTokens === 300);
    });
    await fc.assert(each, { numRuns: 300 });
  });

  it("ends without an error when the decoder fails long before the body ends", async () => {
    for (const encoding of ["gzip", "deflate", "br", "zstd"]) {
      const meter = openMeter({ contentType: SSE, contentEncoding: encoding });
      const noise = Buffer.alloc(100, 0xff);
      meter.add(noise);
      // A decoder works beside this thread. While others end, this one meets its fault too.
      for (let other = 0; other < 5; other++) await metered([noise], SSE, encoding);
      meter.add(CODERS[encoding]?.(Buffer.from(STREAM)) ?? noise);
      assert.equal((await meter.end()).usage, undefined, encoding);
    }
  });

  it("gives up a line or a JSON of more than 8 MiB, and tells what came before", async () => {
    const [much, more] = [7 * MIB, 2 * MIB].map((bytes) => Buffer.alloc(bytes, " "));
    assert.ok(much && more);
    assert.deepEqual(await metered([much, MESSAGE], JSON_TYPE), WHOLE);
    assert.equal((await metered([much, more, MESSAGE], JSON_TYPE)).usage, undefined);
    assert.equal(
      (await metered([zlib.gzipSync(Buffer.concat([much, more, Buffer.from(MESSAGE)]))], JSON_TYPE, "gzip")).usage,
      undefined,
    );

    assert.deepEqual(await metered(["data: ", much, "\n\n", STREAM]), WHOLE);
    assert.deepEqual((await metered([START, "data: ", much, more, "\n\n", STREAM])).usage, BEGUN);
    const lines = Array.from({ length: 9 }, () => `data: ${"x".repeat(MIB)}\n`);
    assert.deepEqual((await metered([START, ...lines, "\n", STREAM])).usage, BEGUN, "an event of many lines");
  });

  it("stops at a small body that unpacks to more than 256 MiB, and tells what came before", async () => {
    // A body of gzip may have parts. Lines that begin with a colon are comments.
    const [start, rest] = [START, STREAM].map((text) => zlib.gzipSync(text));
    const comment = zlib.gzipSync(Buffer.alloc(32 * MIB, ":".padEnd(MIB - 1).concat("\n")));
    assert.ok(start && rest);
    const of = (parts: number) => metered([start, ...Array.from({ length: parts }, () => comment), rest], SSE, "gzip");
    assert.deepEqual(await of(1), WHOLE);
    assert.deepEqual((await of(8)).usage, BEGUN);
  });

  it("holds neither 8 MiB for a slow decoder, nor a window of more than 8 MiB for zstd", async () => {
    const stored = (bytes: number) => zlib.gzipSync(`:${" ".repeat(bytes)}\n${STREAM}`, { level: 0 });
    assert.deepEqual(await metered([stored(MIB)], SSE, "gzip"), WHOLE);
    assert.equal((await metered([stored(9 * MIB)], SSE, "gzip")).usage, undefined);

    const zstd = async (windowLog: number) => {
      const coder = zlib.createZstdCompress({ params: { [zlib.constants.ZSTD_c_windowLog]: windowLog } });
      coder.write(STREAM);
      coder.end();
      return await metered([await buffer(coder)], SSE, "zstd");
    };
    assert.deepEqual(await zstd(23), WHOLE);
    assert.equal((await zstd(24)).usage, undefined);
  });

  it("says when the first content of a stream came, once", async () => {
    for (const [text, times] of [
      [STREAM, 1],
      [START, 0],
    ] as const) {
      let called = 0;
      const meter = openMeter({ contentType: SSE, contentEncoding: "" }, { onFirstToken: () => called++ });
      meter.add(Buffer.from(text));
      assert.equal(called, times, "at once, before the end");
      await meter.end();
      assert.equal(called, times);
    }
  });

  it("gives the same answer to each call of its end, and takes no more bytes after the first", async () => {
    const meter = openMeter({ contentType: SSE, contentEncoding: "gzip" });
    meter.add(zlib.gzipSync(START));
    const ended = meter.end();
    meter.add(zlib.gzipSync(STREAM));
    assert.deepEqual((await ended).usage, BEGUN);
    assert.equal(await meter.end(), await ended);
  });
});
