import type { Server, UntypedServiceImplementation } from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";
import { addReflection } from "./reflection.js";
import { answerOneAtATime, type StreamCall, watchKnown, withSmallRequests } from "./standard-bounds.js";

/** The services that every server has in addition to its own: grpc.health.v1 and server reflection. */
export interface StandardServices {
  /** Every name reports NOT_SERVING from now on. */
  setNotServing(): void;
  /** Ends health watches and reflection streams. Clients keep these open for as long as the server lives. */
  endStreams(): void;
}

type Register = Pick<Server, "addService">;

/** Adds health for `""` and each name. Adds reflection, which lists exactly these names. */
export function addStandardServices(server: Server, names: readonly string[]): StandardServices {
  const open = new Set<{ end(): void }>();
  const healthNames = ["", ...names];
  const tracked = trackStreams(server, open, healthNames);
  const health = new HealthImplementation(Object.fromEntries(healthNames.map((name) => [name, "SERVING"])));
  health.addToServer(tracked);
  addReflection((definition, handlers) => tracked.addService(definition, handlers), names);

  return {
    setNotServing() {
      for (const name of healthNames) health.setStatus(name, "NOT_SERVING");
    },
    endStreams() {
      for (const stream of open) stream.end();
    },
  };
}

function trackStreams(server: Register, open: Set<{ end(): void }>, names: readonly string[]): Register {
  return {
    addService(definition, handlers) {
      const tracked: UntypedServiceImplementation = { ...handlers };
      for (const [name, handler] of Object.entries(handlers)) {
        const method = Object.entries(definition).find(
          ([key, { originalName }]) => key === name || originalName === name,
        )?.[1];
        if (!method?.responseStream) continue;
        // The handler of a stream takes only the call. grpc-js's type also covers handlers that take a callback.
        const handle = (call: StreamCall): void => void Reflect.apply(handler, undefined, [call]);
        const serve = method.requestStream ? answerOneAtATime(handle) : watchKnown(handle, names);
        tracked[name] = (call: StreamCall) => {
          open.add(call);
          call.once("cancelled", () => open.delete(call));
          serve(call);
        };
      }
      server.addService(withSmallRequests(definition), tracked);
    },
  };
}
