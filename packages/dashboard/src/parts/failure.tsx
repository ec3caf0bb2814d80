import type { ApiError } from "../api.js";
import { duration } from "../format.js";
import { failureWords } from "../i18n/failures.js";
import { Words } from "./text.js";

/** What happened, what was not lost, and what to do. */
export function Failure({ error, onRetry }: { readonly error: ApiError; readonly onRetry?: () => void }) {
  const word = failureWords();
  const { problem, changes } = error;
  const unreachable = problem.status === 0;
  const happened = whatHappened(error);
  const kept = unreachable && changes ? word.mayHaveChanged : changes ? word.nothingChanged : word.stillRuns;
  return (
    <div class="failure" role="alert">
      <p>
        <strong>{happened}</strong>
      </p>
      {!unreachable && !happened.includes(problem.detail) && (
        <p class="third small" lang="en">
          {problem.detail}
        </p>
      )}
      {problem.fields.map(({ field, description }) => (
        <p key={field}>
          <code>{field}</code>: {description}
        </p>
      ))}
      <p>
        {kept} <Words text={wayOut(error)} />
      </p>
      {onRetry && problem.reason !== "SCOPE_MISSING" && (
        <button type="button" onClick={onRetry}>
          {word.tryAgain}
        </button>
      )}
    </div>
  );
}

/** In one sentence: no answer came, or why the gateway refused. */
export function whatHappened({ problem: { status, reason, detail } }: ApiError): string {
  const word = failureWords();
  if (status === 0) return word.unreachable;
  return status < 500 ? word.refused(reason, detail) : word.failed(reason, detail);
}

function wayOut({ problem: { reason, status, retryAfterMs } }: ApiError): string {
  const word = failureWords();
  if (retryAfterMs !== undefined) return word.retryIn(duration(retryAfterMs));
  if (status === 0) return word.away;
  if (status === 401) return word.signIn;
  if (reason === "SCOPE_MISSING") return word.askForScope;
  if (status === 400 || status === 409 || status === 422) return word.correct;
  if (status === 404) return word.missing;
  if (status === 429) return word.busy;
  if (status === 501) return word.notYet;
  if (status === 503 || status === 504) return word.away;
  return word.report;
}
