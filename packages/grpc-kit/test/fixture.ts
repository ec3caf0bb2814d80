import { type LeakCheck, leakCheck } from "@ccsp/testkit";
import type { GrpcServer } from "../src/index.js";
import { type Queue, type QueueHandlers, queueClient, serveQueue } from "./queue-stub.js";

type Options = { server?: Parameters<typeof serveQueue>[1]; client?: Parameters<typeof queueClient>[1] };

/** The servers and clients of one test. `close` ends all that the test left open. */
export class Fixture {
  /** Counts from the first server or client of this test. */
  #leaks: LeakCheck | undefined;
  readonly #open: { close(): unknown }[] = [];

  async serve(handlers: Partial<QueueHandlers>, options?: Options["server"]): Promise<GrpcServer> {
    this.#leaks ??= leakCheck();
    return this.own(await serveQueue(handlers, options));
  }

  connect(target: GrpcServer | string, options?: Options["client"]): Queue {
    this.#leaks ??= leakCheck();
    return this.own(queueClient(typeof target === "string" ? target : `127.0.0.1:${target.port}`, options));
  }

  async serveAndConnect(handlers: Partial<QueueHandlers>, options: Options = {}): Promise<Queue> {
    return this.connect(await this.serve(handlers, options.server), options.client);
  }

  own<R extends { close(): unknown }>(resource: R): R {
    this.#open.push(resource);
    return resource;
  }

  async close(): Promise<void> {
    for (const resource of this.#open.splice(0).toReversed()) await resource.close();
    await this.#leaks?.check();
    this.#leaks = undefined;
  }
}
