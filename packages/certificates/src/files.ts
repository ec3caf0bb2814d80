import { join } from "node:path";

/**
 * The files of a service or an operator. cert-manager and the TLS secrets of Kubernetes use these names too, and
 * `CCSP_<SERVICE>_TLS_DIR` expects them.
 */
export const filesOf = (folder: string) => ({
  authority: join(folder, "ca.crt"),
  certificate: join(folder, "tls.crt"),
  key: join(folder, "tls.key"),
});

/** The files of a CA. The certificate has the same name in the folders of services. */
export const authorityFilesOf = (folder: string) => ({
  certificate: join(folder, "ca.crt"),
  key: join(folder, "ca.key"),
});
