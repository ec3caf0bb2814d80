/** One event, described for people. It never contains a prompt or an output. */
export interface Notice {
  /** The id of the event. */
  readonly id: string;
  readonly eventType: string;
  readonly eventTime: Date;
  readonly taskId: string;
  readonly agentId: string;
  /** A text of one line. */
  readonly summary: string;
}

/** A notice that a channel has accepted. */
export interface Delivery extends Notice {
  readonly channel: string;
  readonly deliveryTime: Date;
}
