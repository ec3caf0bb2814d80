import { shellWords } from "../i18n/shell.js";
import { PageHead } from "../parts/layout.js";

/** Schedules of tasks, their next and last runs. */
export default function SchedulesPage() {
  return <PageHead title={shellWords().pages.schedules} />;
}
