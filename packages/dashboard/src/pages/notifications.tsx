import { shellWords } from "../i18n/shell.js";
import { PageHead } from "../parts/layout.js";

/** Notices with their deliveries, and channels. */
export default function NotificationsPage() {
  return <PageHead title={shellWords().pages.notifications} />;
}
