import type { PeerCertificate } from "node:tls";
import type { CallerCredentials, Identity } from "@ccsp/identity";
import type { Metadata, ServerInterceptingCallInterface } from "@grpc/grpc-js";

/** The credentials that the caller of a gRPC call presents. `connection` is what the call came over. */
export function credentialsOf(
  call: ServerInterceptingCallInterface,
  metadata: Metadata,
  connection: object | undefined,
): CallerCredentials {
  return {
    authorization: metadata.get("authorization")[0]?.toString(),
    get peerCertificate() {
      return certificateOf(call, connection);
    },
    address: call.getPeer(),
  };
}

/** The certificates of open connections. To decode one takes longer than all else of the check of a call. */
const certificates = new WeakMap<object, PeerCertificate>();

function certificateOf(
  call: ServerInterceptingCallInterface,
  connection: object | undefined,
): PeerCertificate | undefined {
  const known = connection && certificates.get(connection);
  if (known) return known;
  const found = call.getAuthContext().sslPeerCertificate;
  if (connection && found) certificates.set(connection, found);
  return found;
}

/** The key is the call's metadata: it is the same object in the admission check and in the handler. */
const proven = new WeakMap<Metadata, Identity>();

export const identityOf = (metadata: Metadata): Identity | undefined => proven.get(metadata);

export function setIdentity(metadata: Metadata, identity: Identity): void {
  proven.set(metadata, identity);
}
