import { call } from "../api.js";
import { keyWords } from "../i18n/keys.js";
import { shellWords } from "../i18n/shell.js";
import { ActButton } from "../parts/act-button.js";
import { confirm } from "../parts/dialog.js";
import { DataTable } from "../parts/table.js";
import { State, Time } from "../parts/text.js";
import { act } from "../parts/toast.js";
import type { Answer } from "../routes.js";

type ApiKey = Answer<"GET /keys">["keys"][number];

/** The keys, with those that no longer work at the end. */
export function KeyTable({
  keys,
  onEnd,
  onChange,
  onSecret,
}: {
  readonly keys: readonly ApiKey[];
  readonly onEnd: () => void;
  readonly onChange: () => void;
  readonly onSecret: (bearer: string) => void;
}) {
  const word = keyWords();
  const now = Date.now();
  const works = (key: ApiKey) => Number(keyState(key, now) === "works");
  return (
    <DataTable
      label={shellWords().pages.keys}
      rows={keys.toSorted((one, other) => works(other) - works(one))}
      rowKey={({ id }) => id}
      onEnd={onEnd}
      columns={[
        { name: word.name, cell: ({ name, id }) => name || <code>{id}</code> },
        { name: word.subject, cell: ({ subject }) => <code>{subject}</code> },
        { name: word.scopes, cell: ({ scopes }) => <span class="small">{scopes.join(" ")}</span>, wide: true },
        { name: word.used, cell: ({ lastUsedTime }) => timeOr(lastUsedTime), wide: true },
        { name: word.expires, cell: ({ expireTime }) => timeOr(expireTime), wide: true },
        { name: word.state, cell: (key) => <KeyState state={keyState(key, now)} /> },
        {
          name: "",
          cell: (key) =>
            works(key) === 1 && (
              <span class="acts">
                <ActButton scope="keys:manage" look="plain" onAct={() => void rotate(key, onSecret)}>
                  {word.rotate}
                </ActButton>
                <ActButton scope="keys:manage" look="plain" onAct={() => void revoke(key, onChange)}>
                  {word.revoke}
                </ActButton>
              </span>
            ),
        },
      ]}
    />
  );
}

/** Whether a key can be used, and if not, why. */
export function keyState({ revokeTime, expireTime }: ApiKey, nowMs: number): "works" | "expired" | "revoked" {
  if (revokeTime && Date.parse(revokeTime) <= nowMs) return "revoked";
  return expireTime && Date.parse(expireTime) <= nowMs ? "expired" : "works";
}

function KeyState({ state }: { readonly state: ReturnType<typeof keyState> }) {
  const tone = { works: "within", expired: "none", revoked: "failed" } as const;
  return <State tone={tone[state]}>{keyWords().states[state]}</State>;
}

const timeOr = (at: string | undefined) => (at ? <Time at={at} /> : <span class="third">{keyWords().never}</span>);

const GRACE = "3600s";

async function rotate({ id, name }: ApiKey, onSecret: (bearer: string) => void): Promise<void> {
  const word = keyWords();
  const title = word.rotateTitle(`\`${name || id}\``);
  if (!(await confirm({ title, effect: word.rotateEffect, act: word.rotate }))) return;
  await act(async () => {
    const { bearer } = await call("POST /keys/{id}/rotate", { path: { id }, body: { grace: GRACE } });
    onSecret(bearer);
    return word.rotated(name || id);
  });
}

async function revoke({ id, name }: ApiKey, onChange: () => void): Promise<void> {
  const word = keyWords();
  const title = word.revokeTitle(`\`${name || id}\``);
  if (!(await confirm({ title, effect: word.revokeEffect, act: word.revoke, typed: name || id }))) return;
  const done = await act(async () => {
    await call("DELETE /keys/{id}", { path: { id } });
    return word.revoked(name || id);
  });
  if (done) onChange();
}
