import { shellWords } from "../i18n/shell.js";
import { PageHead } from "../parts/layout.js";

/** How things are: limits, starts, what needs a person, running and waiting, executors. */
export default function OverviewPage() {
  return <PageHead title={shellWords().pages.overview} />;
}
