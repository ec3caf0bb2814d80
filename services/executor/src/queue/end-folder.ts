import type { Logger } from "pino";
import type { KeptEnds, LeftEnd } from "../domain/kept-ends.js";
import type { Answer, Ending, LeaseId } from "../domain/queue.js";
import { type KeptFolder, openKeptFolder } from "../files/kept-folder.js";
import { decodeEnd, type EndMessage, encodeEnd, HOW_IT_ENDS, toEndMessage } from "./ends.js";
import type { TellEnd } from "./queue-client.js";

export interface EndFolderOptions {
  /** A folder in the executor's own folder, where no run can write. It outlives the executor. */
  readonly path: string;
  /** Maximum bytes of all ends. The queue takes results of at most 12 MiB. */
  readonly mostBytes: number;
  readonly tell: TellEnd;
  readonly log: Logger;
}

const MOST_ENDS = 1_000;
/** An end that is older is dropped. As a rule its task has begun again since. */
const KEPT_MS = 24 * 60 * 60 * 1_000;
/** `<task id>-<fence>.<how it ended>` */
const NAME = new RegExp(`^([A-Za-z0-9_-]{1,64})-(\\d{1,19})\\.(${HOW_IT_ENDS.join("|")})$`);

/**
 * Opens the folder. Removes what is too old or too much, and what is not an end that an earlier boot has completely
 * written. Rejects if the folder cannot be used.
 */
export async function openEndFolder(options: EndFolderOptions): Promise<KeptEnds & { close(): Promise<void> }> {
  const folder = new EndFolder(options, await openKeptFolder(options.path));
  await folder.load();
  return folder;
}

/** Each end is one file, which only its owner can read: the request to the queue, encoded. */
class EndFolder implements KeptEnds {
  readonly #options: EndFolderOptions;
  readonly #folder: KeptFolder;
  /** Bytes of each file. */
  readonly #files = new Map<string, number>();
  left: readonly LeftEnd[] = [];

  constructor(options: EndFolderOptions, folder: KeptFolder) {
    this.#options = options;
    this.#folder = folder;
  }

  async load(): Promise<void> {
    const found: { readonly name: string; readonly bytes: number; readonly changedMs: number }[] = [];
    const { files } = this.#folder;
    for (const name of await files.list(2 * MOST_ENDS)) {
      const facts = await files.facts(name);
      if (facts?.plain && NAME.test(name) && Date.now() - facts.changedMs <= KEPT_MS) found.push({ name, ...facts });
      else await this.#drop(name);
    }
    for (const { name, bytes } of found.toSorted((a, b) => b.changedMs - a.changedMs)) {
      if (this.#hasRoom(bytes)) this.#files.set(name, bytes);
      else await this.#drop(name);
    }
    this.left = [...this.#files.keys()].flatMap((name) => {
      const [, taskId = "", fence = "", word] = NAME.exec(name) ?? [];
      const how = HOW_IT_ENDS.find((each) => each === word);
      if (how === undefined) return [];
      const id = { taskId, fence: BigInt(fence) };
      return { ...id, how, tell: (signal) => this.#tell(name, id, how, signal) };
    });
  }

  async put(lease: LeaseId, ending: Ending): Promise<void> {
    const { log } = this.#options;
    const name = `${lease.taskId}-${lease.fence}.${ending.how}`;
    try {
      const bytes = encodeEnd(toEndMessage(lease, ending));
      if (!NAME.test(name) || !this.#hasRoom(bytes.byteLength)) {
        throw new Error(`it has ${bytes.byteLength} bytes, and there is no room left`);
      }
      await this.#folder.write(name, bytes);
      this.#files.set(name, bytes.byteLength);
      log.info(
        { task: lease.taskId, how: ending.how },
        "the queue does not answer; the end of the attempt is on this disk",
      );
    } catch (err) {
      log.error({ err, task: lease.taskId }, "the end of an attempt could not be kept on this disk");
    }
  }

  async remove({ taskId, fence }: LeaseId): Promise<void> {
    for (const how of HOW_IT_ENDS) {
      const name = `${taskId}-${fence}.${how}`;
      if (!this.#files.delete(name)) continue;
      await this.#folder.files
        .remove(name)
        .catch((err: unknown) => this.#options.log.error({ err, name }, "file could not be removed"));
    }
  }

  close(): Promise<void> {
    return this.#folder.close();
  }

  async #tell(name: string, id: LeaseId, how: Ending["how"], signal: AbortSignal): Promise<Answer> {
    const end = await this.#read(name, id, how).catch((err: unknown) => {
      this.#options.log.error({ err, name }, "the kept end of an attempt cannot be read");
      return undefined;
    });
    return end ? await this.#options.tell(end, signal) : "refused";
  }

  async #read(name: string, { taskId, fence }: LeaseId, how: Ending["how"]): Promise<EndMessage> {
    const bytes = await this.#folder.files.read(name, { mostBytes: this.#options.mostBytes });
    const end = decodeEnd(how, bytes ?? new Uint8Array());
    // A crash of the host may leave an empty file.
    if (end.message.taskId !== taskId || end.message.fence !== fence) throw new Error("it is of another lease");
    return end;
  }

  #hasRoom(bytes: number): boolean {
    const total = [...this.#files.values()].reduce((sum, each) => sum + each, bytes);
    return total <= this.#options.mostBytes && this.#files.size < MOST_ENDS;
  }

  async #drop(name: string): Promise<void> {
    this.#options.log.warn({ name }, "the kept end of an attempt is too old or cannot be used; dropped");
    await this.#folder.files.remove(name);
  }
}
