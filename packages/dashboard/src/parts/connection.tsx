import { time } from "../format.js";
import { shellWords } from "../i18n/shell.js";
import { connection, reconnect } from "../store.js";

/** Says since when the connection is lost. The page is grey until it is back. */
export function ConnectionLine() {
  const word = shellWords();
  const state = connection.value;
  return (
    <div class="connection" role="status">
      {state.is === "lost" && (
        <p>
          {word.lost(time(state.since))}
          <button type="button" onClick={reconnect}>
            {word.reconnect}
          </button>
        </p>
      )}
    </div>
  );
}
