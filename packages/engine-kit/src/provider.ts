import type { WindowSignal } from "./engine.js";

/**
 * The provider that a run asks for its models, and the login that the run does not hold. The executor's broker stands
 * between them. It passes on the listed requests, with the login in place of the placeholder.
 */
export interface Provider {
  /** By the names of OpenTelemetry's conventions, such as `anthropic`. */
  readonly name: string;
  /** The address that the engine uses, as it would without the broker. */
  readonly url: string;
  /** The requests that a model answers, as `POST /v1/messages`: a method, and a path below that of `url`. */
  readonly messages: readonly string[];
  /** Answers have the form of Anthropic's Messages API. In another form, tokens are not counted and cost has no bound. */
  readonly counts: boolean;
  /** All else that a run may ask. */
  readonly others: readonly string[];
  readonly login: readonly BrokeredSecret[];
  /**
   * Whether the run may ask a model by this name, besides those that the engine asks for before the run's first answer.
   * The requests have to be those of Anthropic's Messages API, which names each as `model`. Absent: any model.
   */
  readonly mayAsk?: ((model: string) => boolean) | undefined;
  /**
   * What an answer to a message says of the usage windows of the login, with all windows by the names that the engine
   * gives them too. It is not asked if the run may use another login. Absent: answers do not say it.
   */
  readonly windowsOf?: ((head: AnswerHead) => readonly WindowSignal[]) | undefined;
  /** The run may also use another login, which something that the operator trusts has given it. */
  readonly ownLogin?: boolean | undefined;
}

/** How an answer of a provider begins. */
export interface AnswerHead {
  readonly status: number;
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** A key or a token that an engine sends in `x-api-key` or as a bearer token. */
export interface BrokeredSecret {
  /** Asked for each request: a secret that is replaced holds from the next request on. If it rejects, the request fails. */
  readonly secret: () => Promise<string>;
  /**
   * Asked when the provider has refused a request with this secret (401). Resolves to a secret with which the broker sends
   * the request once more; undefined: there is no other, and the engine gets the refusal. Absent: there is never another.
   */
  readonly renew?: ((refused: string) => Promise<string | undefined>) | undefined;
  /** What the run has in its place. It has the secret's form where the engine looks at the form. */
  readonly placeholder: string;
}
