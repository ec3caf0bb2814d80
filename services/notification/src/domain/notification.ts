/** What is told: one event, in words for people. Never holds a prompt or an output. */
export interface Notice {
  /** The event's id. */
  readonly id: string;
  readonly eventType: string;
  readonly eventTime: Date;
  readonly taskId: string;
  readonly agentId: string;
  /** One line. */
  readonly summary: string;
}

/** A notice that a channel took. */
export interface Delivery extends Notice {
  readonly channel: string;
  readonly deliveryTime: Date;
}
