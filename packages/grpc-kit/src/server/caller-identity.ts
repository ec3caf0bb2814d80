import type { CallerCredentials, Identity } from "@ccsp/identity";
import type { Metadata, ServerInterceptingCallInterface } from "@grpc/grpc-js";

/** The credentials that the caller of a gRPC call presents. */
export function credentialsOf(call: ServerInterceptingCallInterface, metadata: Metadata): CallerCredentials {
  return {
    authorization: metadata.get("authorization")[0]?.toString(),
    // A getter, because each call of getAuthContext decodes the certificate again.
    get peerCertificate() {
      return call.getAuthContext().sslPeerCertificate;
    },
    address: call.getPeer(),
  };
}

/** The key is the call's metadata: it is the same object in the admission check and in the handler. */
const proven = new WeakMap<Metadata, Identity>();

export const identityOf = (metadata: Metadata): Identity | undefined => proven.get(metadata);

export function setIdentity(metadata: Metadata, identity: Identity): void {
  proven.set(metadata, identity);
}
