import { shellWords } from "../i18n/shell.js";
import { PageHead } from "../parts/layout.js";

/** How many wait, why, and until when: depths by class, gates, agents, limits; pause, resume, clear. */
export default function QueuePage() {
  return <PageHead title={shellWords().pages.queue} />;
}
