import { useState } from "preact/hooks";
import { type ApiError, call } from "../api.js";
import { keyWords } from "../i18n/keys.js";
import { KeyForm } from "../keys/key-form.js";
import { KeyTable, keyState } from "../keys/key-table.js";
import { SecretDialog } from "../keys/secret-dialog.js";
import { ActButton } from "../parts/act-button.js";
import { titleWithout } from "../parts/awaited.js";
import { Failure } from "../parts/failure.js";
import { PageHead, Panel } from "../parts/layout.js";
import { usePages } from "../parts/pages-of.js";
import { useActs } from "../parts/palette.js";
import type { Answer } from "../routes.js";

type ApiKey = Answer<"GET /keys">["keys"][number];

const PAGE = 100;
const SOON_MS = 7 * 24 * 3_600_000;

/** The API keys: made, rotated and revoked, with their last use. */
export default function KeysPage() {
  const word = keyWords();
  const keys = usePages(
    "",
    async (pageToken, signal) => {
      const answer = await call("GET /keys", { query: { pageSize: PAGE, pageToken } }, signal);
      return { rows: answer.keys, nextPageToken: answer.nextPageToken };
    },
    ({ id }) => id,
  );
  const [making, setMaking] = useState(false);
  useActs([{ name: word.create, scope: "keys:manage", run: () => setMaking(true) }]);
  const [secret, setSecret] = useState<string | undefined>(undefined);
  const show = (bearer: string) => {
    setMaking(false);
    setSecret(bearer);
    keys.refresh();
  };
  return (
    <>
      <PageHead
        {...headOf(keys.loaded ? keys.rows : undefined, keys.error)}
        acts={
          <ActButton scope="keys:manage" onAct={() => setMaking(true)}>
            {word.create}
          </ActButton>
        }
      />
      {keys.error && <Failure error={keys.error} onRetry={keys.refresh} />}
      {keys.rows.length > 0 && (
        <Panel>
          <KeyTable keys={keys.rows} onEnd={keys.more} onChange={keys.refresh} onSecret={show} />
        </Panel>
      )}
      {making && <KeyForm onClose={() => setMaking(false)} onSecret={show} />}
      {secret !== undefined && <SecretDialog secret={secret} onClose={() => setSecret(undefined)} />}
    </>
  );
}

function headOf(
  keys: readonly ApiKey[] | undefined,
  error: ApiError | undefined,
): { readonly title: string; readonly lead?: string } {
  const word = keyWords();
  if (!keys) return { title: titleWithout("keys", error) };
  const now = Date.now();
  const usable = keys.filter((key) => keyState(key, now) === "works");
  if (keys.length === 0) return { title: word.none, lead: word.lead };
  const soon = usable.filter(({ expireTime }) => expireTime && Date.parse(expireTime) - now < SOON_MS).length;
  return { title: word.title(usable.length), lead: soon > 0 ? word.expiring(soon) : word.lead };
}
