/** An answer, and when its run ended (ms since 1970). */
export interface Answer {
  readonly madeMs: number;
  /** A TaskResult of the contract; nothing here looks into it. */
  readonly result: Uint8Array;
}

export const LEVELS = ["memory", "redis", "disk"] as const;
export type LevelName = (typeof LEVELS)[number];

/** One place where answers are kept. It may throw and hang: whoever uses it goes on without. */
export interface Level {
  readonly name: LevelName;
  find(key: string): Promise<Answer | undefined>;
  /** `full`: its bounds leave no room for it. */
  put(key: string, answer: Answer): Promise<"stored" | "full">;
  close?(): void;
}

/** As bytes: the time as a double, then the result. */
export function encodeAnswer({ madeMs, result }: Answer): Buffer {
  const bytes = Buffer.allocUnsafe(8 + result.byteLength);
  bytes.writeDoubleBE(madeMs);
  bytes.set(result, 8);
  return bytes;
}

export function decodeAnswer(bytes: Buffer): Answer {
  return { madeMs: bytes.readDoubleBE(), result: bytes.subarray(8) };
}
