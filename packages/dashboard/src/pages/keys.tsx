import { shellWords } from "../i18n/shell.js";
import { PageHead } from "../parts/layout.js";

/** API keys: make, rotate, revoke. */
export default function KeysPage() {
  return <PageHead title={shellWords().pages.keys} />;
}
