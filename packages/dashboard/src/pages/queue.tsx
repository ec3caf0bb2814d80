import { useState } from "preact/hooks";
import { queueWords } from "../i18n/queue.js";
import { shellWords } from "../i18n/shell.js";
import { ActButton } from "../parts/act-button.js";
import { Awaited } from "../parts/awaited.js";
import { PageHead, Panel } from "../parts/layout.js";
import { useActs } from "../parts/palette.js";
import { Words } from "../parts/text.js";
import { waitingIn } from "../parts/waiting.js";
import { ClassCards } from "../queue/class-cards.js";
import { ClearDialog } from "../queue/clear-dialog.js";
import { GatesPanel } from "../queue/gates-panel.js";
import { headline } from "../queue/headline.js";
import { LimitsPanel } from "../queue/limits-panel.js";
import { AgentsPanel, EnginesPanel } from "../queue/load-tables.js";
import { PauseDialog } from "../queue/pause-dialog.js";
import { WaitingPanel } from "../queue/waiting-panel.js";
import { may } from "../session.js";
import { snapshot } from "../store.js";

/** Which dialog is open. */
type Open = { readonly pause: true; readonly agent?: string } | { readonly clear: true };

/** How many wait, why, and until when: classes, waiting tasks, gates, engines, agents, limits; pause, resume, clear. */
export default function QueuePage() {
  const word = queueWords();
  const status = snapshot("queue").value;
  const [open, setOpen] = useState<Open | undefined>(undefined);
  const close = () => setOpen(undefined);
  useActs([
    { name: word.pause, scope: "queue:manage", run: () => setOpen({ pause: true }) },
    { name: word.clear, scope: "queue:manage", run: () => setOpen({ clear: true }) },
  ]);
  if (!may("tasks:read-all")) {
    return <PageHead title={shellWords().pages.queue} lead={<Words text={shellWords().hidden("tasks:read-all")} />} />;
  }
  const { title, lead } = headline(status);
  return (
    <>
      <PageHead
        title={title}
        lead={lead}
        acts={
          <>
            <ActButton scope="queue:manage" onAct={() => setOpen({ pause: true })}>
              {word.pause}
            </ActButton>
            <ActButton scope="queue:manage" onAct={() => setOpen({ clear: true })}>
              {word.clear}
            </ActButton>
          </>
        }
      />
      {status ? (
        <>
          <ClassCards status={status} />
          <WaitingPanel all={waitingIn(status)} />
          <div class="panels queue">
            <div>
              <EnginesPanel status={status} />
              <AgentsPanel status={status} onPause={(agent) => setOpen({ pause: true, agent })} />
            </div>
            <div>
              <GatesPanel status={status} />
              <LimitsPanel />
            </div>
          </div>
        </>
      ) : (
        <Panel>
          <Awaited topic="queue" />
        </Panel>
      )}
      {status && open && "pause" in open && <PauseDialog status={status} agent={open.agent} onClose={close} />}
      {open && "clear" in open && <ClearDialog onClose={close} />}
    </>
  );
}
