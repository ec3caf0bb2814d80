import { auditWords } from "../i18n/audit.js";
import { Empty, PageHead } from "../parts/layout.js";

/** Says where the audit lines are, until a service can search them. */
export default function AuditPage() {
  const word = auditWords();
  return (
    <>
      <PageHead title={word.title} lead={word.lead} />
      <Empty title={word.where} command={"ccsp logs gateway -f | grep '\"audit\":true'"} />
    </>
  );
}
