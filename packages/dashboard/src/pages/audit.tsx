import { shellWords } from "../i18n/shell.js";
import { PageHead } from "../parts/layout.js";

/** Who changed what. The gateway says what is missing until it has it. */
export default function AuditPage() {
  return <PageHead title={shellWords().pages.audit} />;
}
