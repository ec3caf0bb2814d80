import type { PeerCertificate } from "node:tls";
import type { CallerCredentials, Identity } from "@ccsp/identity";
import type { Metadata, ServerInterceptingCallInterface } from "@grpc/grpc-js";

/**
 * The credentials that the caller of a gRPC call presents. The call came over one of `connections`, which are those of
 * its peer.
 */
export function credentialsOf(
  call: ServerInterceptingCallInterface,
  metadata: Metadata,
  connections: readonly object[],
): CallerCredentials {
  return {
    authorization: metadata.get("authorization")[0]?.toString(),
    get peerCertificate() {
      return certificateOf(call, connections);
    },
    address: call.getPeer(),
  };
}

/** The certificates of open connections. To decode one takes longer than all else of the check of a call. */
const certificates = new WeakMap<object, PeerCertificate>();

function certificateOf(
  call: ServerInterceptingCallInterface,
  connections: readonly object[],
): PeerCertificate | undefined {
  // grpc-js does not say which of several it is. The certificate of another one would be another caller's.
  const connection = connections.length === 1 ? connections[0] : undefined;
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
