import { shellWords } from "../i18n/shell.js";
import { PageHead } from "../parts/layout.js";

/** Alerts that fire, rules and silences. */
export default function AlertsPage() {
  return <PageHead title={shellWords().pages.alerts} />;
}
