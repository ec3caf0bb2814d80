import { shellWords } from "../i18n/shell.js";
import { PageHead } from "../parts/layout.js";

/** Executors with slots, engines, runs and hooks; drain, slots, probe. */
export default function ExecutorsPage() {
  return <PageHead title={shellWords().pages.executors} />;
}
