import { comma, time } from "../format.js";
import { failureWords } from "../i18n/failures.js";
import { shellWords } from "../i18n/shell.js";
import { connection, reconnect, staleTopics } from "../store.js";
import { Words } from "./text.js";

/** Says since when the connection is lost: then the page is grey until it is back. Or what of it is not current. */
export function ConnectionLine() {
  const word = shellWords();
  const state = connection.value;
  return (
    <div class="connection" role="status">
      {state.is === "lost" ? (
        <p>
          {word.lost(time(state.since))}
          <button type="button" onClick={reconnect}>
            {word.reconnect}
          </button>
        </p>
      ) : (
        <StaleLine />
      )}
    </div>
  );
}

/** A service behind the gateway does not answer. What was read from it before is still shown. */
function StaleLine() {
  const word = shellWords();
  const stale = staleTopics();
  const [first] = stale;
  if (!first) return null;
  const since = stale.reduce((earliest, each) => (each.since < earliest ? each.since : earliest), first.since);
  const names = stale.map(({ topic }) => word.topics[topic]).join(comma());
  return (
    <p>
      <span>
        {word.stale(names, time(since))} <Words text={failureWords().away} />
      </span>
    </p>
  );
}
