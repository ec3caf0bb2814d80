import { shellWords } from "../i18n/shell.js";
import { PageHead } from "../parts/layout.js";

/** Tasks by state, agent, label and time, with bulk acts that count first. The address holds the filter. */
export default function TasksPage() {
  return <PageHead title={shellWords().pages.tasks} />;
}
