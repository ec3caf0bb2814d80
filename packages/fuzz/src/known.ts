import { type DescField, type DescMessage, fromBinary } from "@bufbuild/protobuf";
import type { Random } from "@ccsp/e2e-kit/random.js";

type Value = string | bigint;
/** Values of one message that the fleet answered, by the names of the fields. */
type Together = ReadonlyMap<string, Value>;

/** Names under which an answer has what a request asks for by another name. */
const ALIASES: Readonly<Record<string, string>> = { id: "task_id", next_page_token: "page_token" };
const MOST = 100;

/**
 * What the fleet has answered so far: ids of tasks, fences, page tokens. Requests that repeat them reach code that a
 * random id never reaches.
 */
export class Known {
  readonly #start: Readonly<Record<string, readonly string[]>>;
  readonly #learned = new Map<string, Together[]>();

  constructor(start: Readonly<Record<string, readonly string[]>>) {
    this.#start = start;
  }

  /**
   * Values for a request of this form, by `MESSAGE.FIELD`. Those of one answer stay together, such as a lease's task and fence. Mostly it is
   * an answer that has most of what the request asks for.
   */
  choose({ fields }: DescMessage, random: Random): (qualified: string) => Value | undefined {
    const together = random.chance(0.8) ? this.#fitting(new Set(fields.map(({ name }) => name)), random) : undefined;
    return (qualified) => {
      const name = qualified.slice(qualified.indexOf(".") + 1);
      const value = together?.get(name);
      const start = this.#start[qualified] ?? this.#start[name];
      if (value !== undefined && random.chance(0.95)) return value;
      return start && random.pick(start);
    };
  }

  #fitting(names: ReadonlySet<string>, random: Random): Together | undefined {
    const kinds = [...this.#learned.values()].map((answers) => {
      const answer = mostlyNew(answers, random);
      return { answer, fits: [...answer.keys()].filter((name) => names.has(name)).length };
    });
    const best = Math.max(0, ...kinds.map(({ fits }) => fits));
    const fitting = kinds.filter(({ fits }) => fits === best || random.chance(0.05));
    return fitting.length > 0 ? random.pick(fitting).answer : undefined;
  }

  /** Learns from an answer. Throws if the answer is not such a message. */
  learn(output: DescMessage, answer: Uint8Array): void {
    this.#read(output, fromBinary(output, answer));
  }

  #read({ fields, typeName }: DescMessage, message: object): void {
    const together = new Map<string, Value>();
    for (const field of fields) {
      const held = valueOf(message, field);
      for (const value of Array.isArray(held) ? held.slice(0, MOST) : [held]) {
        if (field.message !== undefined && field.fieldKind !== "map" && value !== null && typeof value === "object")
          this.#read(field.message, value);
        else if ((typeof value === "string" && value !== "" && value.length < 512) || typeof value === "bigint")
          for (const name of [field.name, ALIASES[field.name] ?? field.name]) together.set(name, value);
      }
    }
    if (together.size === 0) return;
    this.#learned.set(typeName, [...(this.#learned.get(typeName) ?? []).slice(1 - MOST), together]);
  }
}

function valueOf(message: object, { oneof, localName }: DescField): unknown {
  if (!oneof) return Reflect.get(message, localName);
  const { case: chosen, value } = Object(Reflect.get(message, oneof.localName));
  return chosen === localName ? value : undefined;
}

/** Old leases and tasks are gone. */
function mostlyNew(answers: readonly Together[], random: Random): Together {
  const ago = Math.floor(random.next() ** 4 * answers.length);
  return answers[answers.length - 1 - ago] ?? new Map();
}
