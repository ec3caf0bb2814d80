import { shellWords } from "../i18n/shell.js";
import { PageHead } from "../parts/layout.js";

/** One task (parameters.taskId): timeline, answer as it comes, cost, attempts, why it waits; cancel, retry, priority. */
export default function TaskPage() {
  return <PageHead title={shellWords().pages.task} />;
}
