/** Who calls, as proven by its token. */
export interface Identity {
  readonly agentId: string;
  readonly scopes: readonly string[];
}

/** What an agent id looks like everywhere in CCSP. */
export const AGENT_ID = /^[A-Za-z0-9._@-]{1,128}$/;
