import type { Gate } from "./gate.js";

/** Token counts as the Messages API reports them. What is left out is estimated from the text: four bytes a token. */
export interface Usage {
  readonly input?: number;
  readonly output?: number;
  readonly cacheRead?: number;
  readonly cacheWrite?: number;
}

/** A subscription's usage window, sent as `anthropic-ratelimit-unified-*` headers. */
export interface Window {
  readonly state: "open" | "closed";
  /** Seconds from now until the window opens again. */
  readonly resetSeconds: number;
  /** Which limit the headers name. */
  readonly claim?: string;
}

/** How an answer's text reaches the client. */
export interface Pace {
  /** Deltas of about one word each, this many a second; as fast as the client reads when left out. */
  readonly tokensPerSecond?: number;
  /** The response body is written this many bytes at a time, so that characters are cut anywhere. */
  readonly splitBytes?: number;
}

/** The model answers. */
export interface Answer extends Pace {
  readonly kind: "answer";
  /** Left out: an echo, `You said: <prompt without markers>`. */
  readonly text?: string;
  /** Instead of text: `hugeText(hugeBytes)`, made while it is sent. */
  readonly hugeBytes?: number;
  /** Ask for this tool, once; the request that brings the tool's result gets the text. */
  readonly tool?: {
    readonly name: string;
    readonly input: Readonly<Record<string, unknown>>;
    /** Written before it, in the same message. */
    readonly say?: string;
  };
  /** Why the model stopped, where it is not the end of its turn: `refusal`, `max_tokens`. */
  readonly stopReason?: string;
  readonly usage?: Usage;
  readonly window?: Window;
  /** Wait here until the test releases it; after this many characters of text, or before the headers when left out. */
  readonly gate?: Gate;
  readonly gateAfter?: number;
  /**
   * Do not end well: fall silent or break the connection after this many characters of text (an answer that is not streamed
   * stops half way). With `times`, so many requests with the same prompt do, and then all is well.
   */
  readonly stopAfter?: { readonly how: "hang" | "cut"; readonly characters: number; readonly times?: number };
}

/** The API refuses, with a status and the API's error body. */
export interface Fault {
  readonly kind: "fault";
  readonly status: number;
  readonly type: string;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly window?: Window;
  /** Refuse this many requests with the same prompt, then go on to an answer; always when left out. */
  readonly times?: number;
}

/** Something else than the API answers, such as a proxy in front of it. */
export interface Raw {
  readonly kind: "raw";
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  /** As in a fault. */
  readonly times?: number;
}

/** The server accepts the request and never sends a byte. */
export interface Silence {
  readonly kind: "silence";
  /** As in a fault. */
  readonly times?: number;
}

export type Behaviour = Answer | Fault | Raw | Silence;

const SECOND = 1000;

/** The response headers that tell a client about its usage window. */
export function windowHeaders(window: Window, now: number): Record<string, string> {
  const reset = String(Math.floor(now / SECOND) + window.resetSeconds);
  const status = window.state === "open" ? "allowed" : "rejected";
  return {
    "anthropic-ratelimit-unified-status": status,
    "anthropic-ratelimit-unified-reset": reset,
    "anthropic-ratelimit-unified-representative-claim": window.claim ?? "five_hour",
    "anthropic-ratelimit-unified-5h-status": status,
    "anthropic-ratelimit-unified-5h-reset": reset,
    "anthropic-ratelimit-unified-5h-utilization": window.state === "open" ? "0.4" : "1.0",
    "anthropic-ratelimit-unified-overage-status": "rejected",
  };
}
