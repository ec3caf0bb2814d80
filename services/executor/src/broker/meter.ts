import type { Transform } from "node:stream";
import { finished } from "node:stream/promises";
import { constants, createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib";
import { at, countAt, type Json, NO_USAGE, parseObject, textAt, type Usage } from "@ccsp/engine-kit";
import { createParser } from "eventsource-parser";

/** What one model request used, as its answer tells it. */
export interface MeteredAnswer {
  /** As the provider names it. Empty when the answer names none. */
  readonly model: string;
  /** Undefined when the answer tells none that can be read. Of an answer that was cut: what it had told until then. */
  readonly usage: Usage | undefined;
  readonly finishReason: string | undefined;
  /** About how many tokens of output an answer had brought whose end did not come. 0 for others. */
  readonly unfinished: number;
  /** The answer came whole, and is no error. */
  readonly complete: boolean;
}

/** Counts one answer. It keeps no text of the answer longer than it needs to read it. */
export interface Meter {
  /** Takes the next bytes of the body, as they came. They must not change afterwards. Never throws. */
  add(chunk: Uint8Array): void;
  /** The body ended, or was cut. Call it always: it frees the decoder. Resolves when all was read. Never rejects. */
  end(): Promise<MeteredAnswer>;
}

interface Options {
  /** Called once, when the first piece of content of a stream is read. Never for an answer that is no stream. Must not throw. */
  readonly onFirstToken?: () => void;
}

const MIB = 1024 ** 2;
/** Decoded bytes. It is far above the longest answers, and the largest that a small body of zeros may unpack to. */
const MOST_OF_STREAM = 256 * MIB;
/** What is held as a whole: an answer that is no stream, or one event of a stream. */
const MOST_OF_JSON = 8 * MIB;
/** Encoded bytes that the decoder has not taken yet. Only a bomb keeps it that busy. */
const MOST_WAITING = 8 * MIB;

/** A map, because a name such as `constructor` finds something in an object. Undefined: the bytes are as they are. */
const DECODERS = new Map<string, (() => Transform) | undefined>([
  ["", undefined],
  ["identity", undefined],
  ["gzip", createGunzip],
  ["deflate", createInflate],
  ["br", createBrotliDecompress],
  // A window of 8 MiB is the largest of the web (RFC 9659). Without this, a body may ask for 128 MiB.
  ["zstd", () => createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: 23 } })],
]);

/** What a provider may be asked for. */
export const CODINGS: readonly string[] = [...DECODERS].flatMap(([name, decoder]) => (decoder ? [name] : []));

const NAMES = [
  ["input_tokens", "inputTokens"],
  ["output_tokens", "outputTokens"],
  ["cache_read_input_tokens", "cacheReadTokens"],
  ["cache_creation_input_tokens", "cacheCreationTokens"],
] as const satisfies readonly (readonly [string, keyof Usage])[];

/** Reads decoded bytes. Each may throw, and is not used again then. */
interface Reader {
  readonly mostBytes: number;
  add(chunk: Uint8Array): void;
  end(): void;
}

/**
 * Counts an answer of the Anthropic Messages API while its bytes pass by. It neither changes nor delays them. A body
 * that it cannot read, or that is too large, ends the counting and nothing else: what was counted until then is told.
 */
export function openMeter(
  { contentType, contentEncoding }: { readonly contentType: string; readonly contentEncoding: string },
  options: Options = {},
): Meter {
  const answer = createAnswer();
  const streamed = contentType.split(";")[0]?.trim().toLowerCase() === "text/event-stream";
  const reader = streamed ? readEvents(answer, options) : readJson(answer);
  const encoding = contentEncoding.trim().toLowerCase();
  const decoder = DECODERS.get(encoding)?.();
  let stopped = !DECODERS.has(encoding);
  let bytes = 0;
  let ended: Promise<MeteredAnswer> | undefined;

  const unlessStopped = (work: () => boolean) => {
    if (stopped) return;
    try {
      stopped = !work();
    } catch {
      stopped = true;
    }
    if (stopped) decoder?.destroy();
  };
  const read = (chunk: Uint8Array) =>
    unlessStopped(() => {
      bytes += chunk.length;
      if (bytes > reader.mostBytes) return false;
      reader.add(chunk);
      return true;
    });
  decoder?.on("data", read);
  // What was decoded before a fault counts. `end` waits for the fault too.
  decoder?.on("error", () => undefined);

  const finish = async (): Promise<MeteredAnswer> => {
    if (decoder !== undefined) {
      decoder.end();
      // A body that was cut, a wrong one and a stopped one reject.
      await finished(decoder).catch(() => undefined);
    }
    unlessStopped(() => {
      reader.end();
      return true;
    });
    return answer.told();
  };
  return {
    add(chunk) {
      if (ended !== undefined) return;
      if (decoder === undefined) return read(chunk);
      unlessStopped(() => !decoder.destroyed && (decoder.write(chunk) || decoder.writableLength <= MOST_WAITING));
    },
    end: () => (ended ??= finish()),
  };
}

type Answer = ReturnType<typeof createAnswer>;

function createAnswer() {
  let model = "";
  let usage: Usage | undefined;
  let finishReason: string | undefined;
  let whole = false;
  let failed = false;
  let deltas = 0;
  let counted = false;
  /** Counts are totals of the answer, so a later one replaces an earlier one. What is missing stays. */
  const count = (told: Json | undefined) => {
    for (const [name, field] of NAMES) {
      const tokens = countAt(told, name);
      if (tokens !== undefined) usage = { ...(usage ?? NO_USAGE), [field]: tokens };
    }
  };
  return {
    message(message: Json | undefined) {
      model = wordAt(MODEL, message, "model") ?? model;
      finishReason = wordAt(REASON, message, "stop_reason") ?? finishReason;
      count(at(message, "usage"));
    },
    delta(event: Json | undefined) {
      finishReason = wordAt(REASON, event, "delta", "stop_reason") ?? finishReason;
      count(at(event, "usage"));
      counted = true;
    },
    piece(length: number) {
      deltas += Math.max(1, (length - AROUND_TEXT) / LETTERS_OF_TOKEN);
    },
    end() {
      whole = true;
    },
    fail() {
      failed = true;
    },
    told: (): MeteredAnswer => ({
      ...{ model, usage, finishReason },
      unfinished: counted ? 0 : Math.ceil(deltas),
      complete: whole && !failed,
    }),
  };
}

/** JSON around the text of a delta, and letters of text for each token: a cut answer does not say its number. */
const AROUND_TEXT = 90;
const LETTERS_OF_TOKEN = 4;

/** A gateway may repeat what the run has named, and these words go into names of spans. */
const MODEL = /^\P{C}{1,100}$/u;
const REASON = /^[a-z_-]{1,32}$/;

function wordAt(form: RegExp, from: Json | undefined, ...path: readonly string[]): string | undefined {
  const word = textAt(from, ...path);
  return word !== undefined && form.test(word) ? word : undefined;
}

function readEvents(answer: Answer, { onFirstToken }: Options): Reader {
  const utf8 = new TextDecoder();
  let begun = false;
  const parser = createParser({
    // Beyond this, `feed` throws at the next chunk.
    maxBufferSize: MOST_OF_JSON,
    onEvent({ event, data }) {
      // Clients go by the name of an event, too. Most events are text, which nobody has to parse here.
      switch (event) {
        case "message_start":
          return answer.message(at(parseObject(Buffer.from(data)), "message"));
        case "content_block_delta":
          answer.piece(data.length);
          if (begun) return;
          begun = true;
          return onFirstToken?.();
        case "message_delta":
          return answer.delta(parseObject(Buffer.from(data)));
        case "message_stop":
          return answer.end();
        case "error":
          return answer.fail();
        case undefined:
        default:
      }
    },
  });
  return {
    mostBytes: MOST_OF_STREAM,
    add: (chunk) => parser.feed(utf8.decode(chunk, { stream: true })),
    end: () => undefined,
  };
}

function readJson(answer: Answer): Reader {
  // One buffer that doubles: a list of chunks of one byte would take a hundred times their size.
  let held = Buffer.allocUnsafe(16 * 1024);
  let length = 0;
  return {
    mostBytes: MOST_OF_JSON,
    add(chunk) {
      const needed = length + chunk.length;
      if (needed > held.length) {
        const larger = Buffer.allocUnsafe(Math.max(needed, 2 * held.length));
        held.copy(larger, 0, 0, length);
        held = larger;
      }
      held.set(chunk, length);
      length = needed;
    },
    end() {
      const message = parseObject(held.subarray(0, length));
      if (message === undefined) return;
      answer.message(message);
      if (textAt(message, "type") === "error") answer.fail();
      answer.end();
    },
  };
}
