import { shellWords } from "../i18n/shell.js";
import { PageHead } from "../parts/layout.js";

/** Usage over time by agent, model and label; windows, budgets and forecasts; export. */
export default function UsagePage() {
  return <PageHead title={shellWords().pages.usage} />;
}
