/** An answer, and when its run ended (ms since 1970). */
export interface Answer {
  readonly madeMs: number;
  /** A TaskResult of the contract. The cache does not decode it. */
  readonly result: Uint8Array;
}

export const LEVELS = ["memory", "redis", "disk"] as const;
export type LevelName = (typeof LEVELS)[number];

/** A store of answers. It may throw or hang; then its caller must go on without it. */
export interface Level {
  readonly name: LevelName;
  find(key: string): Promise<Answer | undefined>;
  /** `full`: its bounds have no capacity left for this answer. */
  put(key: string, answer: Answer): Promise<"stored" | "full">;
  close?(): void;
}

/** The bytes of an answer: the time as a double, then the result. */
export function encodeAnswer({ madeMs, result }: Answer): Buffer {
  const bytes = Buffer.allocUnsafe(8 + result.byteLength);
  bytes.writeDoubleBE(madeMs);
  bytes.set(result, 8);
  return bytes;
}

export function decodeAnswer(bytes: Buffer): Answer {
  return { madeMs: bytes.readDoubleBE(), result: bytes.subarray(8) };
}
