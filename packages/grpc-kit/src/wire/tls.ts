/** Certificates and keys as PEM. */
export interface Tls {
  /**
   * The certificate authorities that this process accepts. Without it, a client accepts the authorities of the system,
   * and a server asks for no client certificate.
   */
  readonly ca?: string | Buffer | undefined;
  /**
   * The certificate of this process, followed by the certificates between it and its authority. A server needs this and
   * `key`. A client needs both only if the server asks for a certificate.
   */
  readonly certificate?: string | Buffer | undefined;
  /** The private key that belongs to `certificate`. */
  readonly key?: string | Buffer | undefined;
}
