import { within } from "@ccsp/timing";
import type { Logger } from "pino";

/** An opened resource that must be closed again. */
export interface Resource {
  close(): Promise<void>;
}

/**
 * The longest wait for a resource that is still opening when the stop begins. It may wait for something that never
 * comes.
 */
const ARRIVAL_MS = 2_000;

/** The opened resources, and those that are still opening, in order. */
export class OpenResources {
  readonly #entries: { readonly name: string; readonly arrival: Promise<Resource> }[] = [];
  readonly #log: Logger;
  readonly #closeMs: number;
  #closing = false;

  constructor(log: Logger, closeMs: number) {
    this.#log = log;
    this.#closeMs = closeMs;
  }

  /** Resolves to the resource. A resource that arrives after the start of `closeAll` is closed again. */
  async add<R extends Resource>(name: string, resource: Promise<R> | R): Promise<R> {
    const arrival = Promise.resolve(resource);
    if (this.#closing) {
      await (await arrival).close();
      throw new Error(`${name} was opened while stopping`);
    }
    this.#entries.push({ name, arrival });
    return await arrival;
  }

  /** Closes all resources one after the other, newest first. Resolves to true if every close succeeded. */
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

  /**
   * Resolves to undefined if the resource failed to open (it then cleaned up itself), or if it does not arrive in time.
   */
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
