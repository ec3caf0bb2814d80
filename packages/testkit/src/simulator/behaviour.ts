import type { Gate } from "./gate.js";

/** Token counts as the Messages API reports them. An omitted count is estimated from the text: four bytes per token. */
export interface Usage {
  readonly input?: number;
  readonly output?: number;
  readonly cacheRead?: number;
  readonly cacheWrite?: number;
}

/** The usage window of a subscription. It is sent as `anthropic-ratelimit-unified-*` headers. */
export interface Window {
  readonly state: "open" | "closed";
  /** Seconds from now until the window opens again. */
  readonly resetSeconds: number;
  /** The limit that the headers name. */
  readonly claim?: string;
  /**
   * The share of the five hours that is used, 0 to 1. If omitted, 0.4 of an open window and all of a closed one. From
   * 0.9 on, the headers of an open window warn.
   */
  readonly share?: number;
  /** The share of the seven days that is used. If omitted, the headers say nothing of seven days. */
  readonly weekShare?: number;
}

/** How the text of an answer reaches the client. */
export interface Pace {
  /** Sends this many deltas per second, of about one word each. If omitted, it sends as fast as the client reads. */
  readonly tokensPerSecond?: number;
  /** Writes the response body in pieces of this many bytes, so that characters may be cut anywhere. */
  readonly splitBytes?: number;
}

/** The model answers. */
export interface Answer extends Pace {
  readonly kind: "answer";
  /** If omitted, the answer is an echo: `You said: <prompt without markers>`. */
  readonly text?: string;
  /** Replaces `text` by `hugeText(hugeBytes)`, which is made while it is sent. */
  readonly hugeBytes?: number;
  /** The answer asks for this tool, once. The request that brings the result of the tool gets the text. */
  readonly tool?: {
    readonly name: string;
    readonly input: Readonly<Record<string, unknown>>;
    /** Text before the tool call, in the same message. */
    readonly say?: string;
  };
  /** Why the model stopped, if it did not end its turn: `refusal`, `max_tokens`. */
  readonly stopReason?: string;
  readonly usage?: Usage;
  readonly window?: Window;
  /**
   * The answer waits at this gate until the test opens it. `gateAfter` is the number of text characters before the
   * wait. If omitted, the answer waits before the headers.
   */
  readonly gate?: Gate;
  readonly gateAfter?: number;
  /**
   * The answer does not end normally. After this many characters of text it hangs or breaks the connection (an answer
   * that is not streamed stops halfway). With `times`, only this many requests with the same prompt do this. Later ones
   * get a complete answer.
   */
  readonly stopAfter?: { readonly how: "hang" | "cut"; readonly characters: number; readonly times?: number };
}

/** The API refuses the request with a status and the API's error body. */
export interface Fault {
  readonly kind: "fault";
  readonly status: number;
  readonly type: string;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly window?: Window;
  /** The refusal waits at this gate until the test opens it. */
  readonly gate?: Gate;
  /**
   * The number of requests with the same prompt that are refused. Later ones get an answer. If omitted, all are
   * refused.
   */
  readonly times?: number;
}

/** A server other than the API answers, for example a proxy in front of it. */
export interface Raw {
  readonly kind: "raw";
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  /** As in `Fault`. */
  readonly times?: number;
}

/** The server accepts the request and never sends a byte. */
export interface Silence {
  readonly kind: "silence";
  /** As in `Fault`. */
  readonly times?: number;
}

export type Behaviour = Answer | Fault | Raw | Silence;

const SECOND = 1000;
const WARN_SHARE = 0.9;
const WEEK_RESET_SECONDS = 400_000;

/** Returns the response headers that report the usage window to a client. */
export function windowHeaders(window: Window, now: number): Record<string, string> {
  const reset = String(Math.floor(now / SECOND) + window.resetSeconds);
  const share = window.share ?? (window.state === "open" ? 0.4 : 1);
  const status = window.state === "closed" ? "rejected" : share < WARN_SHARE ? "allowed" : "allowed_warning";
  return {
    "anthropic-ratelimit-unified-status": status,
    "anthropic-ratelimit-unified-reset": reset,
    "anthropic-ratelimit-unified-representative-claim": window.claim ?? "five_hour",
    "anthropic-ratelimit-unified-5h-status": status,
    "anthropic-ratelimit-unified-5h-reset": reset,
    "anthropic-ratelimit-unified-5h-utilization": String(share),
    ...(status === "allowed_warning"
      ? { "anthropic-ratelimit-unified-5h-surpassed-threshold": String(WARN_SHARE) }
      : {}),
    ...(window.weekShare === undefined
      ? {}
      : {
          "anthropic-ratelimit-unified-7d-status": "allowed",
          "anthropic-ratelimit-unified-7d-reset": String(Math.floor(now / SECOND) + WEEK_RESET_SECONDS),
          "anthropic-ratelimit-unified-7d-utilization": String(window.weekShare),
        }),
    "anthropic-ratelimit-unified-overage-status": "rejected",
  };
}
