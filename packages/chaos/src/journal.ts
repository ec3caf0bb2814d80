import { openSync, writeSync } from "node:fs";
import { readFile } from "node:fs/promises";

/** What a scripted executor saw. It writes each entry immediately, so that the answers it got survive its kill -9. */
export type Entry = {
  readonly at: number;
  readonly executor: string;
  readonly boot: string;
  readonly task: string;
  readonly fence: string;
} & Happening;

export type Happening =
  | { readonly what: "leased"; readonly attempt: number }
  /** Report was answered OK. It and the reports before it had `texts` deltas in all. */
  | { readonly what: "reported"; readonly texts: number }
  /** Complete was answered OK. There are two for one fence if the executor repeated it on purpose. */
  | { readonly what: "completed" }
  /** Fail was answered OK, with the state of the task. */
  | { readonly what: "failed"; readonly state: string }
  | { readonly what: "released" }
  /** The call was refused with LEASE_LOST. */
  | { readonly what: "refused"; readonly call: string }
  /** The call got no answer, so the executor made it again. */
  | { readonly what: "retried"; readonly call: string; readonly code: string }
  /** An answer that the contract does not allow. */
  | { readonly what: "unexpected"; readonly call: string; readonly error: string };

export type Journal = (task: string, fence: bigint, happening: Happening) => void;

export function openJournal(file: string, about: Pick<Entry, "executor" | "boot">): Journal {
  const descriptor = openSync(file, "a");
  return (task, fence, happening) => {
    const entry: Entry = { at: Date.now(), ...about, task, fence: String(fence), ...happening };
    writeSync(descriptor, `${JSON.stringify(entry)}\n`);
  };
}

/** Reads what an executor wrote in all of its boots. Leaves out a line that a kill cut short. */
export async function readJournal(file: string): Promise<Entry[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.split("\n").flatMap((line): Entry[] => {
    try {
      return [JSON.parse(line)];
    } catch {
      return [];
    }
  });
}
