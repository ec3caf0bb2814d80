import { type DescEnum, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { Random } from "@ccsp/e2e-kit/random.js";
import { hostileInteger, hostileNumber, hostileText, hostileTime } from "./hostile.js";
import type { Known } from "./known.js";

const DEEPEST = 8;
/** Repeated fields in repeated fields would otherwise make a request of any size. */
const MOST_FIELDS = 2_000;

/** Without these fields a request is refused at once. */
const VITAL = new Set(
  "agent_id boot_id boot_time budget changes comment condition confirmation_token cron dedup_key duration engine engines error executor_id fence free_slots holder id instance kind limit matchers metric name notice period prompt reason report report_sequence request_id resources result rule schedule scope sequence service severity spec step summary task_id unit update_id uptime value version who why".split(
    " ",
  ),
);

/** Seconds. */
const SPANS = [60, 300, 3_600, 86_400];

/**
 * Makes the bytes of one request: fields with plausible and hostile values, some of them twice, unknown ones between
 * them. Some requests are damaged afterwards.
 */
export function requestBytes(input: DescMessage, random: Random, known: Known): Buffer {
  // Several faults hide each other: the first one is refused. So half of the requests have one at most.
  const faults = random.chance(0.5)
    ? { hostility: 0, onlyFault: random.between(0, 60) }
    : { hostility: random.pick([0, 0.02, 0.1, 0.5]) };
  const how = { ...faults, density: random.pick([0.05, 0.2, 0.8]) };
  const whole = new MessageWriter(random, known.choose(input, random), how).message(input, 0);
  return Buffer.from(random.chance(0.15) ? damaged(whole, random) : whole);
}

interface How {
  /** The share of choices that are hostile. */
  readonly hostility: number;
  /** The number of a choice that is hostile in any case. */
  readonly onlyFault?: number;
  /** The share of fields that are set. */
  readonly density: number;
}

class MessageWriter {
  readonly #random: Random;
  readonly #known: ReturnType<Known["choose"]>;
  readonly #hostility: number;
  readonly #density: number;
  readonly #onlyFault: number | undefined;
  #written = 0;
  #choices = 0;

  constructor(random: Random, known: ReturnType<Known["choose"]>, how: How) {
    this.#random = random;
    this.#known = known;
    this.#hostility = how.hostility;
    this.#onlyFault = how.onlyFault;
    this.#density = how.density;
  }

  /** `field` is the name of the field that holds the message. */
  message({ fields, oneofs, typeName }: DescMessage, depth: number, field = ""): Uint8Array {
    const writer = new BinaryWriter();
    const random = this.#random;
    const isTime = typeName === "google.protobuf.Timestamp" || typeName === "google.protobuf.Duration";
    if (isTime && this.#hostile()) return this.#extreme(writer);
    if (typeName === "google.protobuf.Timestamp") return this.#soon(writer, field);
    if (typeName === "google.protobuf.Duration") return this.#brief(writer);
    // A message that is there and says nothing, such as a scope or a rule with no choice made.
    if (depth > 0 && this.#hostile() && random.chance(0.3)) return writer.finish();
    // With several members of a oneof, mostly the last would count.
    const members = this.#hostile() ? fields : oneofs.map((oneof) => random.pick(oneof.fields));
    const chosen = fields.filter(
      (field) =>
        depth < DEEPEST &&
        (field.oneof === undefined || members.includes(field)) &&
        random.chance(isVital(field) ? 0.95 : this.#density),
    );
    for (const field of chosen) {
      for (let times = this.#repeats(field); times > 0; times -= 1) this.#field(writer, field, depth);
      if (this.#hostile()) unknownField(writer, random);
    }
    return writer.finish();
  }

  #hostile(): boolean {
    this.#choices += 1;
    return this.#choices === this.#onlyFault || this.#random.chance(this.#hostility);
  }

  #repeats(field: DescField): number {
    const random = this.#random;
    if (field.fieldKind !== "list" && field.fieldKind !== "map") return this.#hostile() ? 2 : 1;
    if (this.#hostile() && random.chance(0.1)) return random.between(100, 2_000);
    return random.between(isVital(field) ? 1 : 0, 3);
  }

  #field(writer: BinaryWriter, field: DescField, depth: number): void {
    const { number } = field;
    this.#written += 1;
    if (this.#written > MOST_FIELDS) return;
    switch (field.fieldKind) {
      case "message":
        writer.tag(number, WireType.LengthDelimited).bytes(this.message(field.message, depth + 1, field.name));
        break;
      case "enum":
        writer.tag(number, WireType.Varint).int32(this.#enum(field.enum));
        break;
      case "scalar":
        this.#scalar(writer, number, field.scalar, nameOf(field));
        break;
      case "map": {
        const entry = new BinaryWriter();
        this.#scalar(entry, 1, field.mapKey, `${nameOf(field)}.key`);
        if (field.mapKind === "scalar") this.#scalar(entry, 2, field.scalar, `${nameOf(field)}.value`);
        writer.tag(number, WireType.LengthDelimited).bytes(entry.finish());
        break;
      }
      case "list":
        if (field.listKind === "message")
          writer.tag(number, WireType.LengthDelimited).bytes(this.message(field.message, depth + 1, field.name));
        else if (field.listKind === "enum") writer.tag(number, WireType.Varint).int32(this.#enum(field.enum));
        else this.#scalar(writer, number, field.scalar, nameOf(field));
    }
  }

  #enum({ values }: DescEnum): number {
    const random = this.#random;
    if (this.#hostile()) return random.pick([-1, 999, 2 ** 31 - 1, -(2 ** 31)]);
    // The first value says that nothing was chosen, which many requests may not.
    return random.pick(random.chance(0.9) && values.length > 1 ? values.slice(1) : values).number;
  }

  #scalar(writer: BinaryWriter, number: number, type: ScalarType, name: string): void {
    const random = this.#random;
    switch (type) {
      case ScalarType.STRING:
        writer.tag(number, WireType.LengthDelimited).bytes(this.#text(name));
        break;
      case ScalarType.BYTES:
        writer.tag(number, WireType.LengthDelimited).bytes(hostileText(random));
        break;
      case ScalarType.DOUBLE:
        writer.tag(number, WireType.Bit64).double(this.#number());
        break;
      case ScalarType.FLOAT:
        writer.tag(number, WireType.Bit32).float(this.#number());
        break;
      case ScalarType.FIXED32:
      case ScalarType.SFIXED32:
        writer.tag(number, WireType.Bit32).fixed32(random.between(0, 2 ** 31));
        break;
      case ScalarType.FIXED64:
      case ScalarType.SFIXED64:
        writer.tag(number, WireType.Bit64).sfixed64(this.#integer(name));
        break;
      case ScalarType.BOOL:
      case ScalarType.INT32:
      case ScalarType.INT64:
      case ScalarType.SINT32:
      case ScalarType.SINT64:
      case ScalarType.UINT32:
      case ScalarType.UINT64:
      default:
        writer.tag(number, WireType.Varint).int64(this.#integer(name));
    }
  }

  #number(): number {
    const random = this.#random;
    if (this.#hostile()) return hostileNumber(random);
    return random.chance(0.5) ? random.next() : random.between(1, 1_000);
  }

  #integer(name: string): bigint {
    const random = this.#random;
    if (this.#hostile()) return hostileInteger(random);
    const known = this.#known(name);
    return typeof known === "bigint" ? known : BigInt(random.between(0, 3));
  }

  #text(name: string): Uint8Array {
    const random = this.#random;
    if (this.#hostile()) return hostileText(random);
    const known = this.#known(name);
    return Buffer.from(known === undefined ? random.pick(["", "a", "some-id"]) : String(known));
  }

  #extreme(writer: BinaryWriter): Uint8Array {
    const [seconds, nanos] = hostileTime(this.#random);
    return writer.tag(1, WireType.Varint).int64(seconds).tag(2, WireType.Varint).int64(nanos).finish();
  }

  #soon(writer: BinaryWriter, field: string): Uint8Array {
    // A range ends after it begins.
    const [from, to] = field === "start_time" ? [-7_200, -3_600] : [-3_600, 3_600];
    const seconds = Math.floor(Date.now() / 1000) + this.#random.between(from, to);
    return writer.tag(1, WireType.Varint).int64(seconds).finish();
  }

  #brief(writer: BinaryWriter): Uint8Array {
    // Whole minutes, an hour and a day are what steps and windows of time have to be.
    if (this.#random.chance(0.4)) return writer.tag(1, WireType.Varint).int64(this.#random.pick(SPANS)).finish();
    if (this.#random.chance(0.2)) writer.tag(1, WireType.Varint).int64(this.#random.between(60, 600));
    return writer.tag(2, WireType.Varint).int32(this.#random.between(0, 50_000_000)).finish();
  }
}

/** With its message, so that a value can be known for the field of one message alone. */
const nameOf = ({ parent, name }: DescField): string => `${parent.name}.${name}`;

/** Most RPCs refuse a oneof without a chosen field. */
const isVital = ({ name, oneof }: DescField): boolean => VITAL.has(name) || oneof !== undefined;

function unknownField(writer: BinaryWriter, random: Random): void {
  const number = random.pick([90, 1_999, 19_000, 2 ** 29 - 1]);
  if (random.chance(0.5)) writer.tag(number, WireType.Varint).int64(hostileInteger(random));
  else writer.tag(number, WireType.LengthDelimited).bytes(hostileText(random));
}

function damaged(whole: Uint8Array, random: Random): Uint8Array {
  const at = random.between(0, whole.length);
  const noise = Uint8Array.from({ length: random.between(1, 40) }, () => random.between(0, 255));
  const added = random.pick([
    noise,
    Buffer.from("ffffffffffffffffffff01", "hex"), // a number that is too long
    Buffer.from("0affffffff07", "hex"), // a text that is longer than the message
    Buffer.from("00", "hex"), // the field 0
    Buffer.from([...Array<number>(random.between(1, 20_000)).fill(0xd3)]), // groups in groups
  ]);
  switch (random.between(0, 2)) {
    case 0:
      return whole.subarray(0, at); // cut
    case 1:
      return Buffer.concat([whole.subarray(0, at), added, whole.subarray(at)]);
    default:
      return flipped(whole, random);
  }
}

function flipped(whole: Uint8Array, random: Random): Uint8Array {
  const bytes = Uint8Array.from(whole);
  for (let flips = random.between(1, 20); flips > 0; flips -= 1)
    bytes[random.between(0, bytes.length - 1)] = random.between(0, 255);
  return bytes;
}
