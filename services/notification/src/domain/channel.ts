import type { Notice } from "./notice.js";

/** The forms of text that channels need. Each one escapes what others wrote in its own way. */
export type Format = "text" | "markdown" | "slack" | "html";

export interface Rendered {
  /** One line without markup. */
  readonly title: string;
  /** The whole text in the format, without the title. */
  readonly body: string;
}

/** One notice for one channel. */
export interface Message {
  /** The idempotency key: the same for each attempt, and different for each notice. */
  readonly id: string;
  readonly notice: Notice;
  /** How often the beginning of the incident was repeated since the last message. 0 for all other messages. */
  readonly repeats: number;
  /** What this channel returned for the first message of the incident. Undefined: there is none. */
  readonly ref: string | undefined;
  /** 1 for the first attempt. Those that ended with their process count too. */
  readonly attempt: number;
  /** The time of this attempt. */
  readonly time: Date;
  /**
   * The text for people. Its body has at most `longest` characters, 8,000 if it is not given: it is cut at whole
   * values, and what happened, what to do and the links stay.
   */
  readonly render: (format: Format, longest?: number) => Rendered;
}

/** What a channel returns of a message that it has accepted. */
export interface Receipt {
  readonly ref?: string;
  readonly missed?: string;
}

/**
 * A way to notify people or systems: a file, a webhook, issues. docs/adding-a-channel.md says how to write one.
 */
export interface Channel {
  /** Where the messages go, in one line without a secret, such as `acme/ops at https://api.github.com`. */
  readonly target: string;
  /**
   * Resolves when the channel has accepted the message. It may return a `ref` of at most 1,024 characters, by which it
   * finds the first message of an incident again: later messages of the incident bring it back. If a part is missing
   * for good, such as some recipients or labels, `missed` says in one line what and why: people are notified of it once
   * a day.
   *
   * Rejects when the channel has not accepted it: with a `DeliveryError`, or any Error with its members, that says of
   * which kind the failure is. An Error without a kind counts as `unavailable`. The message then comes again, with the
   * same id. It also comes again when the process dies before the result is stored. So a channel that can find out
   * whether it has the message does.
   *
   * Must end soon after `signal` aborts, which it does after 15 s.
   */
  deliver(message: Message, signal: AbortSignal): Promise<Receipt | void>;
  /** What a channel with issues has besides. */
  readonly issues?: Issues;
  close?(): Promise<void>;
}

/** The state of an issue, as its tracker has it. */
export interface IssueStatus {
  readonly state: "open" | "closed";
  readonly url: string;
  /** Who changed the state last. May be empty. */
  readonly who: string;
  readonly changeTime: Date | undefined;
}

export interface Issues {
  /**
   * Returns the state of the issue of a `ref`. `known` is what the last call returned: a tracker that can say "not
   * changed" is asked for that only.
   */
  read(ref: string, known: IssueReading | undefined, signal: AbortSignal): Promise<IssueReading>;
}

export interface IssueReading {
  readonly status: IssueStatus;
  /** Names the version that was read, such as an ETag. */
  readonly version: string;
}

/**
 * The kind of a failure says what happens next:
 * - `unavailable`: the channel does not answer, or has a fault: tried again with growing waits.
 * - `partial`: some recipients have the message, others do not yet: tried again with long waits, by which the channel
 *   sends it to those only. The channel counts as working.
 * - `limited`: the channel asks to wait: nothing is sent to it until then. Counts as no failure.
 * - `refused`: the channel refuses the credentials or the place, and a person has to change something: tried again
 *   with long waits.
 * - `invalid`: the channel will never accept this message: given up at once.
 */
export type FailureKind = "unavailable" | "partial" | "limited" | "refused" | "invalid";

export class DeliveryError extends Error {
  override readonly name = "DeliveryError";
  constructor(
    readonly kind: FailureKind,
    message: string,
    /** The wait that the channel asks for, in ms. */
    readonly retryAfterMs?: number,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? {} : { cause });
  }
}

/** How a channel is used. All of it may be set for each channel in the configuration. */
export interface ChannelUse {
  /** The channel records: it gets every notice by itself, also repeats. */
  readonly records: boolean;
  /** Deliveries at the same time in one replica. */
  readonly concurrency: number;
  /** Most deliveries in any 60 s, by all replicas. 0: no limit. */
  readonly perMinute: number;
}

/** A kind of channel. */
export interface ChannelType {
  /** The word in the configuration, such as `github`. */
  readonly type: string;
  /** Defaults, which the configuration of a channel may change. */
  readonly use?: Partial<ChannelUse>;
  /**
   * Opens a channel with its own settings from the configuration. Rejects with an Error whose message names the setting
   * that is wrong. It makes no call to the target: a target that is away must not keep the service from starting.
   */
  open(settings: Readonly<Record<string, unknown>>, context: ChannelContext): Promise<Channel>;
}

/** What a channel gets from the service. */
export interface ChannelContext {
  readonly name: string;
  /** As the global `fetch`, but it refuses targets that are not allowed, follows no redirect and bounds the answer. */
  readonly fetch: typeof globalThis.fetch;
  /** Resolves a host for a channel that opens connections by itself. Rejects if no address of it is allowed. */
  readonly resolve: (host: string) => Promise<string>;
  readonly log: { info(fields: object, text: string): void; warn(fields: object, text: string): void };
  readonly now: () => Date;
}
