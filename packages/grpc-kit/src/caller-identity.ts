import type { CallerCredentials, Identity } from "@ccsp/identity";
import type { Metadata, ServerInterceptingCallInterface } from "@grpc/grpc-js";

/** What the caller of a gRPC call presents. */
export function credentialsOf(call: ServerInterceptingCallInterface, metadata: Metadata): CallerCredentials {
  return {
    authorization: metadata.get("authorization")[0]?.toString(),
    // Read when it is asked for: each look decodes the certificate anew.
    get peerCertificate() {
      return call.getAuthContext().sslPeerCertificate;
    },
    address: call.getPeer(),
  };
}

/** By a call's metadata, which is the same object from its admission to its handler. */
const proven = new WeakMap<Metadata, Identity>();

export const identityOf = (metadata: Metadata): Identity | undefined => proven.get(metadata);

export function setIdentity(metadata: Metadata, identity: Identity): void {
  proven.set(metadata, identity);
}
