import { shellWords } from "../i18n/shell.js";
import { PageHead } from "../parts/layout.js";

/** Logins of the engines, and the act that renews one that is lost. */
export default function SessionsPage() {
  return <PageHead title={shellWords().pages.sessions} />;
}
