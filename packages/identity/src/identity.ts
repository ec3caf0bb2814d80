import type { PeerCertificate } from "node:tls";

/** Who calls, as was proven when the call began. */
export interface Identity {
  readonly kind: "agent" | "operator" | "service";
  /** Its name among those of its kind: an agent's id, a person, a service. */
  readonly subject: string;
  /** What it may do; each service says which of them an RPC needs. */
  readonly scopes: readonly string[];
  readonly proof: "token" | "certificate";
  /** When the proof expires. A call that began before goes on. */
  readonly expireTime: Date;
}

/** What a caller presents to prove who it is, as values that every transport has. */
export interface CallerCredentials {
  /** The value of the header `authorization`. */
  readonly authorization?: string | undefined;
  /** The client's certificate, which TLS has checked against the server's authorities. Undefined without TLS, and when the client sent none. */
  readonly peerCertificate?: PeerCertificate | undefined;
  /** Host and port at the other end of the connection. */
  readonly address: string;
}

/** What an agent's id looks like everywhere in CCSP. */
export const AGENT_ID = /^[A-Za-z0-9._@-]{1,128}$/;
