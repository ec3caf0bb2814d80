import { useAnswer } from "../answer.js";
import { duration, number, share } from "../format.js";
import { queueWords } from "../i18n/queue.js";
import { stateWords } from "../i18n/states.js";
import { lateness } from "../overview/starts-panel.js";
import { hrefWith, parameter } from "../router.js";
import type { Answer, QueueStatus } from "../routes.js";
import { may } from "../session.js";
import { CLASSES } from "../work/task-state.js";
import { type Load, loadOf } from "./loads.js";

type Slos = Answer<"GET /slos">["slos"];

/** A card for each class. It chooses the class in the list of waiting tasks. */
export function ClassCards({ status }: { readonly status: QueueStatus }) {
  return may("monitor:read") ? <WithTargets status={status} /> : <Cards status={status} slos={[]} />;
}

function WithTargets({ status }: { readonly status: QueueStatus }) {
  const { data } = useAnswer("GET /slos", {}, { everyMs: 30_000 });
  return <Cards status={status} slos={data?.slos ?? []} />;
}

function Cards({ status, slos }: { readonly status: QueueStatus; readonly slos: Slos }) {
  const chosen = parameter("class");
  return (
    <ul class="class-cards">
      {CLASSES.map((name) => {
        const load = loadOf(status.depths.filter(({ priority }) => priority === name));
        const slo = slos.find((each) => each.name === `start-${name.toLowerCase()}`);
        const starts = slo && lateness(slo);
        const late = starts?.late !== undefined && starts.late > starts.allowed;
        return (
          <li key={name}>
            <a
              class={late || load.held ? "panel tone-held" : "panel"}
              href={hrefWith({ class: chosen === name ? undefined : name })}
              {...(chosen === name && { "aria-current": "true" as const })}
            >
              <h2>{stateWords().priority[name]}</h2>
              <p class="big">{number(load.waiting + load.parked)}</p>
              <p class="second">{ageWords(load)}</p>
              {late && <p class="held">{queueWords().late(share(starts.late ?? 0), share(starts.allowed))}</p>}
            </a>
          </li>
        );
      })}
    </ul>
  );
}

function ageWords({ waiting, parked, oldest, held }: Load): string {
  const word = queueWords();
  const parts = [
    oldest !== undefined && word.oldest(duration(oldest)),
    parked > 0 && word.heldFor(parked),
    held && word.heldByGate,
  ];
  return waiting + parked === 0 ? word.none : parts.filter(Boolean).join(" · ");
}
