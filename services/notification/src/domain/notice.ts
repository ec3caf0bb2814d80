/** How much a notice matters. */
export const SEVERITIES = ["info", "warning", "critical"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** What a notice does to the incident that its `dedupKey` names. */
export const ACTIONS = ["opens", "updates", "resolves"] as const;
export type Action = (typeof ACTIONS)[number];

/** Something that people have to know. It never contains a prompt or an output. */
export interface Notice {
  /** Unique. A notice that comes again with the same id is the same notice. */
  readonly id: string;
  /** What happened, such as `task.failed`: the name of a template. */
  readonly kind: string;
  readonly severity: Severity;
  readonly time: Date;
  /** Empty when it is not about a task. */
  readonly taskId: string;
  /** Empty when it is not about an agent. */
  readonly agentId: string;
  /** What it is about, such as `account` → `claude-code/default`. */
  readonly subject: Readonly<Record<string, string>>;
  /** What is known. */
  readonly facts: Readonly<Record<string, string>>;
  /** What a person should do. Empty: the template says it. */
  readonly whatToDo: string;
  /** Where to look, as name → URL. */
  readonly links: Readonly<Record<string, string>>;
  /** Names the incident. Empty: the notice stands alone. */
  readonly dedupKey: string;
  readonly action: Action;
  readonly labels: readonly string[];
  /** W3C trace context of the task. May be empty. */
  readonly traceparent: string;
  /** The incident has an issue where a channel has issues. */
  readonly openIssue: boolean;
  /** The state that the issue of the incident gets. Undefined leaves it. */
  readonly issueState?: "open" | "closed" | undefined;
  /** When the incident ends by itself. */
  readonly endTime?: Date | undefined;
  /** Who is notified, by names of channels. Undefined: the rules decide. */
  readonly channels?: readonly string[] | undefined;
}

/** A notice that stands alone and has nothing but a kind, an id and a time. */
export function bareNotice(given: Pick<Notice, "id" | "kind" | "time"> & Partial<Notice>): Notice {
  return {
    severity: "info",
    taskId: "",
    agentId: "",
    subject: {},
    facts: {},
    whatToDo: "",
    links: {},
    dedupKey: "",
    action: "opens",
    labels: [],
    traceparent: "",
    openIssue: false,
    ...given,
  };
}

/** One entry of the list of what channels accepted. */
export interface Delivered {
  /** The id of the notice. */
  readonly id: string;
  readonly eventType: string;
  readonly eventTime: Date;
  readonly taskId: string;
  readonly agentId: string;
  /** A text of one line. */
  readonly summary: string;
  readonly channel: string;
  readonly deliveryTime: Date;
}

/** One try to deliver a notice to a channel. */
export interface Attempt {
  readonly time: Date;
  readonly tookMs: number;
  /** Why it failed. Empty when the channel accepted the notice. */
  readonly cause: string;
}

/** A notice on its way to one channel. */
export interface Delivery {
  readonly channel: string;
  readonly state: "waiting" | "delivered" | "dead";
  /** When it began to wait, or to wait again after a person's retry. */
  readonly since: Date;
  readonly tries: number;
  /** The newest attempts, oldest first. */
  readonly attempts: readonly Attempt[];
  /** When it is tried next. Undefined when it no longer waits. */
  readonly nextTime: Date | undefined;
}

/** What is known of an incident. */
export interface Incident {
  readonly open: boolean;
  /** Whether a notice has asked for an issue. */
  readonly issue: boolean;
  /** What each channel keeps of it, such as the number of its issue. */
  readonly refs: Readonly<Record<string, string>>;
}
