import type { ApiError } from "../api.js";
import { failureWords } from "../i18n/failures.js";
import { shellWords } from "../i18n/shell.js";
import type { PageName } from "../pages.js";
import { refusals, type Topic } from "../store.js";
import { PageHead } from "./layout.js";
import { Words } from "./text.js";

/** What follows these topics needs this scope (docs/websocket.md). */
const SCOPES: Readonly<Record<Topic, string>> = {
  queue: "tasks:read-all",
  executors: "monitor:read",
  usage: "monitor:read",
  alerts: "monitor:read",
  health: "monitor:read",
};

/** Stands where a topic's state will be: it has not come, it cannot be read now, or not by this sign-in. */
export function Awaited({ topic }: { readonly topic: Topic }) {
  const word = shellWords();
  const reason = refusals.value[topic]?.reason;
  const why =
    reason === undefined ? word.loading : reason === "SCOPE_MISSING" ? word.hidden(SCOPES[topic]) : failureWords().away;
  return (
    <p class="third">
      <Words text={why} />
    </p>
  );
}

/** A whole page that waits for a topic. */
export function AwaitedPage({ name, topic }: { readonly name: PageName; readonly topic: Topic }) {
  return (
    <>
      <PageHead title={shellWords().pages[name]} />
      <Awaited topic={topic} />
    </>
  );
}

/** The first line of a page whose data is not there: it is read, or it failed, and a `Failure` says why. */
export const titleWithout = (name: PageName, error: ApiError | undefined): string =>
  error ? shellWords().pages[name] : shellWords().loading;
