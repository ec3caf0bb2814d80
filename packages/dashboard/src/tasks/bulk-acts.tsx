import { call } from "../api.js";
import { duration } from "../format.js";
import { tasksWords } from "../i18n/tasks.js";
import { ActButton } from "../parts/act-button.js";
import { confirm } from "../parts/dialog.js";
import { act, toast } from "../parts/toast.js";
import { HELD_STATES, RETRIED_STATES } from "../work/task-state.js";
import { type Filter, messageOf, selects } from "./filter.js";

/** Acts on all tasks of the filter. Each counts first. */
export function BulkActs({ filter, onDone }: { readonly filter: Filter; readonly onDone: () => void }) {
  const word = tasksWords();
  const guarded = (doing: () => Promise<string | undefined>) => () => {
    const why = whyNot(filter);
    if (why) return toast(why);
    return void act(async () => {
      const said = await doing();
      if (said !== undefined) onDone();
      return said ?? "";
    });
  };
  return (
    <>
      <ActButton scope="queue:manage" onAct={guarded(() => retryAll(filter))}>
        {word.retryMatching}
      </ActButton>
      <ActButton scope="queue:manage" look="danger" onAct={guarded(() => cancelAll(filter))}>
        {word.cancelMatching}
      </ActButton>
    </>
  );
}

function whyNot(filter: Filter): string | undefined {
  if (filter.text !== "") return tasksWords().noText;
  return selects(filter) ? undefined : tasksWords().needsFilter;
}

/** Undefined: the person has changed their mind. */
async function cancelAll(filter: Filter): Promise<string | undefined> {
  const word = tasksWords();
  const count = async (message: ReturnType<typeof messageOf>) =>
    (await call("POST /tasks/cancel", { body: { filter: message, dryRun: true } })).matched;
  const held = HELD_STATES.filter((state) => filter.states.length === 0 || filter.states.includes(state));
  const message = messageOf(filter);
  const [matched, running] = await Promise.all([
    count(message),
    held.length === 0 ? 0 : count({ ...message, states: held }),
  ]);
  if (matched === 0) return word.noneMatches;
  const yes = await confirm({
    title: word.cancelTitle(matched),
    effect: word.cancelEffect(matched, running),
    act: word.cancelAct,
    typed: String(matched),
  });
  if (!yes) return undefined;
  const began = performance.now();
  const answer = await call("POST /tasks/cancel", { body: { filter: message } });
  return word.cancelled(answer.cancelled, answer.matched, duration(performance.now() - began));
}

async function retryAll(filter: Filter): Promise<string | undefined> {
  const word = tasksWords();
  const states = filter.states.filter((state) => RETRIED_STATES.includes(state));
  if (filter.states.length > 0 && states.length === 0) return word.noneMatches;
  const message = messageOf({ ...filter, states });
  const { matched } = await call("POST /tasks/retry", { body: { filter: message, dryRun: true } });
  if (matched === 0) return word.noneMatches;
  const yes = await confirm({
    title: word.retryTitle(matched),
    effect: word.retryEffect(matched),
    act: word.retryAct,
  });
  if (!yes) return undefined;
  const began = performance.now();
  const answer = await call("POST /tasks/retry", { body: { filter: message } });
  return word.retried(answer.retried, answer.matched, duration(performance.now() - began));
}
