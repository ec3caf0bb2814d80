import { useState } from "preact/hooks";
import { useAnswer } from "../answer.js";
import { call, newRequestId } from "../api.js";
import { time } from "../format.js";
import { alertWords } from "../i18n/alerts.js";
import { ActButton } from "../parts/act-button.js";
import { Failure } from "../parts/failure.js";
import { Field } from "../parts/fields.js";
import { FormDialog } from "../parts/form-dialog.js";
import { DataTable } from "../parts/table.js";
import { Time } from "../parts/text.js";
import { act } from "../parts/toast.js";
import type { Answer } from "../routes.js";
import { matchersText } from "./matchers.js";

/** The silences in force: for what, until when, why and by whom. */
export function Silences() {
  const word = alertWords();
  const { data, error, reload } = useAnswer("GET /alerts/silences", {});
  if (error) return <Failure error={error} onRetry={reload} />;
  if (data?.silences.length === 0) return <p class="third">{word.noSilences}</p>;
  return (
    <DataTable
      label={word.tabs.silences}
      rows={data?.silences ?? []}
      rowKey={({ id }) => id}
      columns={[
        { name: word.matches, cell: ({ matchers }) => <code>{matchersText(matchers)}</code> },
        { name: word.reason, cell: ({ reason }) => reason },
        { name: word.by, cell: ({ who }) => who, wide: true },
        { name: word.until, cell: ({ endTime }) => endTime && <Time at={endTime} /> },
        {
          name: "",
          cell: (silence) => (
            <ActButton scope="monitor:manage" look="plain" onAct={() => void end(silence, reload)}>
              {word.end}
            </ActButton>
          ),
        },
      ]}
    />
  );
}

type Silence = Answer<"GET /alerts/silences">["silences"][number];

/** A shorter one is refused. */
const LEAST_SILENCE_MS = 60_000;

/** It can be taken back while enough of it is left, so it is done at once. */
async function end({ id, matchers, reason, endTime }: Silence, onChange: () => void): Promise<void> {
  const word = alertWords();
  const name = matchersText(matchers);
  const leftMs = () => Date.parse(endTime ?? "") - Date.now();
  const requestId = newRequestId();
  const putBack = async () => {
    const duration = `${Math.round(leftMs() / 1000)}s`;
    const { silence } = await call("POST /alerts/silences", { body: { matchers, reason, duration, requestId } });
    onChange();
    return word.silencedUntil(name, silence?.endTime ? time(silence.endTime) : "");
  };
  const done = await act(
    async () => {
      await call("DELETE /alerts/silences/{id}", { path: { id } });
      return word.ended(name);
    },
    leftMs() > 2 * LEAST_SILENCE_MS ? () => void act(putBack) : undefined,
  );
  if (done) onChange();
}

const HOUR_S = 3_600;
const MOST_HOURS = 24 * 30;

/** Asks for how long and why the alerts of a rule are silent. */
export function SilenceDialog({ rule, onClose }: { readonly rule: string; readonly onClose: () => void }) {
  const word = alertWords();
  /** A second try is the same request, so it cannot make a second silence. */
  const [requestId] = useState(newRequestId);
  const silence = async (text: (name: string) => string) => {
    const body = {
      matchers: [{ label: "rule", value: rule }],
      reason: text("reason"),
      duration: `${Number(text("hours")) * HOUR_S}s`,
      requestId,
    };
    const { silence: made } = await call("POST /alerts/silences", { body });
    return word.silencedUntil(rule, made?.endTime ? time(made.endTime) : "");
  };
  return (
    <FormDialog title={word.silenceTitle(rule)} submit={word.silence} save={silence} onClose={onClose}>
      <p>{word.silenceLead}</p>
      <Field
        label={word.hours}
        name="hours"
        type="number"
        min="0.1"
        max={MOST_HOURS}
        step="any"
        defaultValue="2"
        required
      />
      <Field label={word.reason} name="reason" required />
    </FormDialog>
  );
}
