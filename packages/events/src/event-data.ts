import {
  AdaptedValue,
  type Event,
  HealthState,
  LimitAction,
  LimitKind,
  RecoveryCause,
  SessionProof,
} from "@ccsp/protos/ccsp/event/v1/event.js";
import { AlertSeverity } from "@ccsp/protos/ccsp/monitor/v1/alerts.js";
import { EmergencyLevel } from "@ccsp/protos/ccsp/queue/v1/emergency.js";
import { Priority } from "@ccsp/protos/ccsp/task/v1/task.js";
import { Outcome } from "@ccsp/protos/ccsp/usage/v1/usage.js";
import { fieldsOf } from "@ccsp/protos/descriptor.js";
import { fromStoredJson } from "@ccsp/protos/from-json.js";
import { wordsOf } from "@ccsp/protos/words.js";
import type { Logger } from "pino";

export type EventData = NonNullable<Event["data"]>;

/**
 * The word of each enum value in events, by the field that holds the word. Code that thinks in words takes the enum from
 * here, as in `severityEnum: EVENT_WORDS.severity[severity]`.
 */
export const EVENT_WORDS = {
  severity: wordsOf(AlertSeverity),
  level: {
    NO_SUBMIT: EmergencyLevel.NO_SUBMIT,
    NO_START: EmergencyLevel.NO_START,
    PARK_RUNNING: EmergencyLevel.PARK_RUNNING,
    KILL: EmergencyLevel.KILL,
  },
  priority: wordsOf(Priority),
  outcome: wordsOf(Outcome),
  kind: wordsOf(LimitKind),
  action: wordsOf(LimitAction),
  proof: wordsOf(SessionProof),
  cause: wordsOf(RecoveryCause),
  state: wordsOf(HealthState),
  what: wordsOf(AdaptedValue),
} as const;

/** The fields with their words, for code that has any message. */
const FIELDS: readonly (readonly [string, Readonly<Record<string, number>>])[] = Object.entries(EVENT_WORDS);

/** A value of an enum that this version does not know, because a newer writer sent it, or a value that does not fit. */
export interface UnknownValue {
  /** Path of the field in the data, such as `severity` or `error.category`. */
  readonly field: string;
  /** The value of the enum, or what is wrong with the value that does not fit. */
  readonly value: string;
}

/** Most unknown values that a reader remembers, and so logs. */
const MOST_TOLD = 100;

/** Logs each unknown value once. */
export function logUnknown(log: Logger): Tell {
  const told = new Set<string>();
  return ({ field, value }) => {
    const key = `${field} ${value.slice(0, 100)}`;
    if (told.has(key) || told.size >= MOST_TOLD) return;
    told.add(key);
    log.warn({ field, value: value.slice(0, 100) }, "an event has a value that this version cannot read");
  };
}

export type Tell = (unknown: UnknownValue) => void;

/**
 * Makes a word and its enum agree, in place. The enum wins, and an enum that is not set or not known follows the word.
 * A word that nobody knows stays as it is.
 */
export function agree({ $case, value }: EventData, tell: Tell = () => {}): void {
  for (const [field, words] of kinds().get($case)?.pairs ?? []) {
    const number: unknown = Reflect.get(value, `${field}Enum`);
    const word = String(Reflect.get(value, field));
    const [known] = Object.entries(words).find((each) => each[1] === number) ?? [];
    if (known !== undefined) Reflect.set(value, field, known);
    else if (Object.hasOwn(words, word)) Reflect.set(value, `${field}Enum`, words[word]);
    else if (number === 0 && word !== "") tell({ field, value: word });
  }
}

/**
 * The data of an event of this kind, from its parsed JSON. A field that does not fit is as absent, and `tell` is called.
 * A word and its enum agree. A word that is absent is the name of its enum, so that the name of an unknown value is not
 * lost.
 */
export function readEventData($case: EventData["$case"], json: unknown, tell: Tell): EventData {
  const { typeName = "", pairs = [] } = kinds().get($case) ?? {};
  const value = fromStoredJson(typeName, json, (field, unknown) =>
    tell({ field: field.replaceAll(/\[[^\]]*\]/g, ""), value: unknown }),
  );
  for (const [field] of pairs) {
    const name = Object(json)[`${field}Enum`];
    if (Reflect.get(value, field) === "" && name !== undefined && name !== null)
      Reflect.set(value, field, String(name));
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the message of its kind
  const data = { $case, value } as EventData;
  agree(data, tell);
  return data;
}

/** The full name of the message of this kind of event. */
export const typeNameOf = ($case: EventData["$case"]): string => kinds().get($case)?.typeName ?? "";

interface Kind {
  /** The message of this kind of event. */
  readonly typeName: string;
  /** Its fields that have an enum beside them, with their words. */
  readonly pairs: typeof FIELDS;
}

let byCase: ReadonlyMap<string, Kind> | undefined;

function kinds(): ReadonlyMap<string, Kind> {
  byCase ??= new Map(
    fieldsOf("ccsp.event.v1.Event").map(({ localName, message }) => {
      const names = new Set(message?.fields.map((field) => field.localName));
      const pairs = FIELDS.filter(([field]) => names.has(`${field}Enum`));
      return [localName, { typeName: message?.typeName ?? "", pairs }];
    }),
  );
  return byCase;
}
