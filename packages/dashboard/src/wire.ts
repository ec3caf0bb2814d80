import type { Duration } from "@ccsp/protos/google/protobuf/duration.js";

/**
 * The JSON form of a generated message, as `toJson` of @ccsp/protos writes it: times and durations are texts, an enum is
 * its name without the prefix, the case of a oneof is a field. A 64-bit integer counts as a number here: nothing that
 * the pages show is above 2^53.
 */
export type Wire<T> = T extends Date | Duration | Uint8Array
  ? string
  : T extends bigint
    ? number
    : T extends string | boolean | undefined
      ? T
      : T extends number
        ? // Not `number extends T`: any number may be assigned to an enum.
          `${number}` extends `${T}`
          ? number
          : string
        : T extends readonly (infer Item)[]
          ? readonly Wire<Item>[]
          : WireMessage<T>;

type WireMessage<T> = {
  readonly [K in keyof T as IsOneof<T[K]> extends true ? never : undefined extends T[K] ? never : K]: Wire<T[K]>;
} & {
  readonly [K in keyof T as IsOneof<T[K]> extends true ? never : undefined extends T[K] ? K : never]?: Wire<
    NonNullable<T[K]>
  >;
} & (OneofOf<T> extends never ? unknown : { readonly [C in OneofOf<T> as C["$case"]]?: Wire<C["value"]> });

interface Case {
  readonly $case: string;
  readonly value: unknown;
}
type IsOneof<Value> = [NonNullable<Value>] extends [Case]
  ? [NonNullable<Value>] extends [never]
    ? false
    : true
  : false;
type OneofOf<T> = { [K in keyof T]: IsOneof<T[K]> extends true ? Extract<T[K], Case> : never }[keyof T];

/** What a call sends: every field may be left out. */
export type Part<T> = T extends string | number | boolean | undefined
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Part<Item>[]
    : { readonly [K in keyof T]?: Part<T[K]> | undefined };
