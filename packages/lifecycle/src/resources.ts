import { within } from "@ccsp/timing";
import type { Logger } from "pino";

/** Something that was opened and has to be closed again. */
export interface Resource {
  close(): Promise<void>;
}

/** What is still opening when the stop begins may be waiting for something that never comes. */
const ARRIVAL_MS = 2_000;

/** What was opened, and what is being opened, in order. */
export class OpenResources {
  readonly #entries: { readonly name: string; readonly arrival: Promise<Resource> }[] = [];
  readonly #log: Logger;
  readonly #closeMs: number;
  #closing = false;

  constructor(log: Logger, closeMs: number) {
    this.#log = log;
    this.#closeMs = closeMs;
  }

  /** Resolves to the resource. One that comes after `closeAll` began is closed again. */
  async add<R extends Resource>(name: string, resource: Promise<R> | R): Promise<R> {
    const arrival = Promise.resolve(resource);
    if (this.#closing) {
      await (await arrival).close();
      throw new Error(`${name} was opened while stopping`);
    }
    this.#entries.push({ name, arrival });
    return await arrival;
  }

  /** Closes everything, newest first, one after the other. Resolves to whether all of it went well. */
  async closeAll(): Promise<boolean> {
    this.#closing = true;
    let fine = true;
    for (const { name, arrival } of this.#entries.reverse()) {
      const resource = await this.#arrived(name, arrival);
      if (resource === undefined) continue;
      try {
        await within(this.#closeMs, resource.close(), () => {
          throw new Error(`not done after ${this.#closeMs} ms`);
        });
        this.#log.debug({ resource: name }, "closed");
      } catch (error) {
        this.#log.error({ err: error, resource: name }, "close failed");
        fine = false;
      }
    }
    return fine;
  }

  /** Undefined for what failed to open (it has cleaned up after itself), and for what does not come. */
  async #arrived(name: string, arrival: Promise<Resource>): Promise<Resource | undefined> {
    const settled = arrival.then(
      (resource) => ({ resource }),
      () => ({ resource: undefined }),
    );
    const arrived = await within(ARRIVAL_MS, settled, () =>
      this.#log.warn({ resource: name }, "still opening, left behind"),
    );
    return arrived?.resource;
  }
}
