import { signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { call, outcome } from "../api.js";
import { paletteWords } from "../i18n/palette.js";
import { shellWords } from "../i18n/shell.js";
import { stateWords, wordOf } from "../i18n/states.js";
import { PAGES } from "../pages.js";
import { navigate } from "../router.js";
import type { Task } from "../routes.js";
import { may } from "../session.js";
import { locale, theme } from "../settings.js";
import { Dialog } from "./dialog.js";
import { openEmergency } from "./emergency.js";
import { Id, State, taskTone } from "./text.js";

/** What can be done by name. `what` is shown; typed text is looked for in it. */
export interface Act {
  readonly name: string;
  readonly run: () => void;
}

/** Acts that a page offers while it is shown. Use `useActs`. */
const actsOfPage = signal<readonly Act[]>([]);
const open = signal(false);

export const openPalette = (): void => {
  open.value = true;
};

/**
 * Offers acts in the palette while the component is shown. Acts for which the sign-in lacks the scope are left out. What
 * an act does may depend on state: it is the newest one that runs.
 */
export function useActs(acts: readonly (Act & { readonly scope?: string })[]): void {
  const allowed = acts.filter(({ scope }) => scope === undefined || may(scope));
  const newest = useRef(allowed);
  newest.current = allowed;
  useEffect(() => {
    const offered = allowed.map(({ name }, index) => ({ name, run: () => newest.current[index]?.run() }));
    actsOfPage.value = [...actsOfPage.value, ...offered];
    return () => {
      actsOfPage.value = actsOfPage.value.filter((act) => !offered.includes(act));
    };
  }, [allowed.map(({ name }) => name).join("\n")]);
}

/** Opens with Ctrl K (or Command K) everywhere. */
export function Palette() {
  // Before the first paint: the key works as soon as somebody sees its name.
  useLayoutEffect(() => {
    const opens = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      open.value = true;
    };
    window.addEventListener("keydown", opens);
    return () => window.removeEventListener("keydown", opens);
  }, []);
  return open.value ? <OpenPalette /> : null;
}

interface Choice {
  readonly key: string;
  readonly group: string;
  readonly content: preact.ComponentChildren;
  readonly run: () => void;
}

function OpenPalette() {
  const word = paletteWords();
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const { tasks, searching } = useFoundTasks(text);
  const choices = [...fixedChoices(text), ...tasks.map((task) => taskChoice(task, word.tasks))];
  const close = () => {
    open.value = false;
  };
  const choose = (choice: Choice | undefined) => {
    if (!choice) return;
    close();
    choice.run();
  };
  const active = Math.min(at, choices.length - 1);
  return (
    <Dialog title={word.title} onClose={close}>
      <input
        class="palette-text"
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-choices"
        aria-activedescendant={`choice-${active}`}
        aria-label={word.hint}
        placeholder={word.hint}
        autocomplete="off"
        value={text}
        onInput={({ currentTarget }) => {
          setText(currentTarget.value);
          setAt(0);
        }}
        onKeyDown={(event) => {
          const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
          if (move !== undefined) setAt((active + move + choices.length) % Math.max(choices.length, 1));
          else if (event.key === "Enter") choose(choices[active]);
          else return;
          event.preventDefault();
        }}
      />
      <Choices choices={choices} active={active} onChoose={choose} />
      <p class="third" aria-live="polite">
        {searching ? word.searching : choices.length === 0 ? word.nothing(text) : ""}
      </p>
    </Dialog>
  );
}

function Choices({
  choices,
  active,
  onChoose,
}: {
  readonly choices: readonly Choice[];
  readonly active: number;
  readonly onChoose: (choice: Choice) => void;
}) {
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" }), [active]);
  return (
    <ul id="palette-choices" role="listbox" aria-label={paletteWords().title} ref={list} class="palette-choices">
      {choices.map((choice, index) => (
        <li
          key={choice.key}
          id={`choice-${index}`}
          role="option"
          aria-selected={index === active}
          onClick={() => onChoose(choice)}
        >
          <span>{choice.content}</span>
          <span class="third">{choices[index - 1]?.group === choice.group ? "" : choice.group}</span>
        </li>
      ))}
    </ul>
  );
}

function fixedChoices(text: string): Choice[] {
  const word = paletteWords();
  const names = shellWords().pages;
  const pages = PAGES.filter(({ rail, scope }) => rail === true && (scope === undefined || may(scope))).map(
    ({ name, path }) => ({ key: path, group: word.pages, name: names[name], run: () => navigate(path) }),
  );
  const acts = [...actsOfPage.value, ...shellActs()].map((act) => ({ ...act, key: act.name, group: word.acts }));
  return [...pages, ...acts]
    .filter(({ name }) => name.toLowerCase().includes(text.trim().toLowerCase()))
    .map(({ name, ...rest }) => ({ ...rest, content: name }));
}

function shellActs(): Act[] {
  const word = paletteWords();
  const dark = theme.value === "dark";
  return [
    ...(may("queue:manage") ? [{ name: word.emergency, run: openEmergency }] : []),
    {
      name: word.language,
      run: () => {
        locale.value = locale.value === "ja" ? "en" : "ja";
      },
    },
    {
      name: dark ? word.light : word.dark,
      run: () => {
        theme.value = dark ? "light" : "dark";
      },
    },
  ];
}

const labelsOf = (task: Task): string[] =>
  Object.entries<string>(task.spec?.labels ?? {}).map(([name, value]) => `${name}=${value}`);

function taskChoice(task: Task, group: string): Choice {
  return {
    key: task.id,
    group,
    run: () => navigate(`/tasks/${encodeURIComponent(task.id)}`),
    content: (
      <>
        <State tone={taskTone(task.state)}>{wordOf(stateWords().task, task.state)}</State> <Id value={task.id} />{" "}
        {task.promptSnippet} <span class="third">{[...labelsOf(task), task.agentId].join(" ")}</span>
      </>
    ),
  };
}

const TYPING_PAUSE_MS = 200;
const MOST_TASKS = 8;
/** The most that the gateway gives on a page. */
const MOST_SEARCHED = 500;

/** Tasks with this id, label or agent, or among the newest with this text at the beginning of the prompt. */
function useFoundTasks(text: string): { readonly tasks: readonly Task[]; readonly searching: boolean } {
  const newest = useRef<Promise<readonly Task[]> | undefined>(undefined);
  const [found, setFound] = useState<{ text: string; tasks: readonly Task[] }>({ text: "", tasks: [] });
  const wanted = text.trim();
  useEffect(() => {
    if (wanted.length < 2) return undefined;
    const stop = new AbortController();
    const search = async () => {
      // Read once while the palette is open: what is typed is looked for in them here.
      newest.current ??= listTasks({ pageSize: MOST_SEARCHED });
      const tasks = await findTasks(wanted, newest.current, stop.signal);
      if (!stop.signal.aborted) setFound({ text: wanted, tasks });
    };
    const timer = setTimeout(() => void search(), TYPING_PAUSE_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [wanted]);
  if (wanted.length < 2) return { tasks: [], searching: false };
  return { tasks: found.tasks, searching: found.text !== wanted };
}

async function listTasks(query: Record<string, string | number>, signal?: AbortSignal): Promise<readonly Task[]> {
  // An agent always sees them of its own tasks. An operator needs `prompts:read`.
  const promptSnippets = may("tasks:read-all") && { promptSnippets: may("prompts:read") };
  const { answer } = await outcome(call("GET /tasks", { query: { ...query, ...promptSnippets } }, signal));
  return answer?.tasks ?? [];
}

async function findTasks(
  text: string,
  newestTasks: Promise<readonly Task[]>,
  signal: AbortSignal,
): Promise<readonly Task[]> {
  const none: readonly Task[] = [];
  const [label, value] = text.split("=", 2);
  const listed = (query: Record<string, string>) => listTasks({ pageSize: 100, ...query }, signal);
  const [byId, newest, byAgent, byLabel] = await Promise.all([
    call("GET /tasks/{taskId}", { path: { taskId: text } }, signal).then(
      ({ task }) => (task ? [task] : none),
      () => none,
    ),
    newestTasks,
    may("tasks:read-all") ? listed({ agentId: text }) : none,
    value ? listed({ [`filter.labels.${label}`]: value }) : none,
  ]);
  const lower = text.toLowerCase();
  const named = newest.filter((task) =>
    [task.id, task.agentId, task.promptSnippet, ...labelsOf(task)].some((each) => each.toLowerCase().includes(lower)),
  );
  const all = new Map([...byId, ...byLabel, ...named, ...byAgent].map((task) => [task.id, task]));
  return [...all.values()].slice(0, MOST_TASKS);
}
