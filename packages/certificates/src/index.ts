export { type Authority, createAuthority, keepAuthority, readAuthority } from "./authority.js";
export { type Certificate, isDue, isSignedBy, parseCertificates } from "./certificate.js";
export { CertificateFault } from "./fault.js";
export { filesOf } from "./files.js";
export { certificateFolders, type Found, findCertificates, folderFor } from "./folder.js";
export { type Issued, issueCertificate, issueForHost, keepCertificates, sameAgain, type Wanted } from "./issue.js";
export { CERTIFICATE_DAYS } from "./life.js";
