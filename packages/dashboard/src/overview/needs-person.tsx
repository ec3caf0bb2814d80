import { time } from "../format.js";
import { overviewWords } from "../i18n/overview.js";
import { serverText } from "../i18n/server-texts.js";
import { groupsOf } from "../parts/alert-groups.js";
import { openEmergency } from "../parts/emergency.js";
import { State, type Tone, Words } from "../parts/text.js";
import { scopeWords } from "../work/scope-words.js";
import { capOf, endOf, isLost, isOfLimit, loginOf, needsLook, pausesOf, type Situation } from "./headline.js";

interface Need {
  readonly key: string;
  readonly tone: Tone;
  readonly what: string;
  readonly why: string;
  /** The one act that helps: a page, or something to open. */
  readonly act: { readonly name: string; readonly to: string | (() => void) };
}

/** What does not go on without a person, each with the one act that helps. */
export function NeedsPerson({ situation }: { readonly situation: Situation }) {
  const needs = needsOf(situation);
  if (needs.length === 0) return <p class="third">{overviewWords().nobody}</p>;
  return (
    <ul class="needs">
      {needs.map(({ key, tone, what, why, act }) => (
        <li key={key}>
          <div class="line">
            <State tone={tone}>{what}</State>
            {typeof act.to === "string" ? (
              <a href={act.to}>{act.name}</a>
            ) : (
              <button type="button" class="plain" onClick={act.to}>
                {act.name}
              </button>
            )}
          </div>
          <p class="second">
            <Words text={why} />
          </p>
        </li>
      ))}
    </ul>
  );
}

/** What does not go on without a person, the most urgent first. */
export function needsOf({ queue, executors = [], alerts, sessions, limits }: Situation): Need[] {
  const word = overviewWords();
  const since = (at: string | undefined): string => (at ? word.since(time(at)) : "");
  const emergency = queue?.emergency;
  const cap = queue && capOf(queue);
  return [
    ...(emergency
      ? [
          {
            key: "stop",
            tone: "failed" as const,
            what: word.stopTitle,
            why: `${since(emergency.time)} · ${emergency.who}: ${emergency.why}`,
            act: { name: word.resume, to: openEmergency },
          },
        ]
      : []),
    ...(queue ? pausesOf(queue) : []).map((pause) => ({
      key: `pause ${scopeWords(pause.scope)}`,
      tone: "held" as const,
      what: word.pauseTitle(scopeWords(pause.scope)),
      why: `${since(pause.closeTime)} · ${word.by(pause.who, pause.why)} ${endOf(pause)}`,
      act: { name: word.resume, to: "/queue" },
    })),
    ...sessions.filter(isLost).map((session) => ({
      key: `login ${loginOf(session)}`,
      tone: "failed" as const,
      what: word.loginIsLost(loginOf(session)),
      why: word.loginTasks(time(session.outage?.lostTime ?? session.stateTime ?? new Date())),
      act: { name: word.renew, to: "/sessions" },
    })),
    ...(cap
      ? [
          {
            key: "cap",
            tone: "held" as const,
            what: word.capTitle(scopeWords(cap.scope)),
            why: word.capped(cap.running, cap.waiting),
            act: { name: word.see, to: "/queue" },
          },
        ]
      : []),
    ...groupsOf(alerts.filter((alert) => needsLook(alert) && !isOfLimit(alert, limits))).map(
      ([{ id, severity, summary, whatToDo, fireTime }, ...more]) => ({
        key: id,
        tone: severity === "CRITICAL" ? ("failed" as const) : ("held" as const),
        what: more.length > 0 ? word.others(serverText(summary), more.length) : serverText(summary),
        why: [since(fireTime), serverText(whatToDo)].filter(Boolean).join(" · "),
        act: { name: word.see, to: "/alerts" },
      }),
    ),
    ...executors
      .filter(({ error }) => error !== "")
      .map(({ executorId, error }) => ({
        key: executorId,
        tone: "held" as const,
        what: word.executorAway(executorId),
        why: error,
        act: { name: word.see, to: "/executors" },
      })),
  ];
}
