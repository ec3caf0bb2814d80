import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Server, UntypedServiceImplementation } from "@grpc/grpc-js";
import { loadFileDescriptorSetFromBuffer } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { HealthImplementation } from "grpc-health-check";

/** What every server has besides its own services: grpc.health.v1 and server reflection. */
export interface StandardServices {
  /** From now on every name is NOT_SERVING. */
  setNotServing(): void;
  /** Ends health watches and reflection streams, which clients keep open for as long as the server lives. */
  endStreams(): void;
}

type Register = Pick<Server, "addService">;
type StreamCall = { end(): void; once(event: "cancelled", listener: () => void): unknown };

/** Adds health for `""` and each name, and reflection that lists exactly these names. */
export function addStandardServices(server: Server, names: readonly string[]): StandardServices {
  const open = new Set<{ end(): void }>();
  const tracked = trackStreams(server, open);

  const healthNames = ["", ...names];
  const health = new HealthImplementation(Object.fromEntries(healthNames.map((name) => [name, "SERVING"])));
  health.addToServer(tracked);
  new ReflectionService(descriptors(), { services: [...names] }).addToServer(tracked);

  return {
    setNotServing() {
      for (const name of healthNames) health.setStatus(name, "NOT_SERVING");
    },
    endStreams() {
      for (const stream of open) stream.end();
    },
  };
}

/** The image that `buf build` wrote beside the generated code: no .proto file is read at run time. */
function descriptors() {
  const file = createRequire(import.meta.url).resolve("@ccsp/protos/descriptor.binpb");
  return loadFileDescriptorSetFromBuffer(readFileSync(file));
}

function trackStreams(server: Register, open: Set<{ end(): void }>): Register {
  return {
    addService(definition, handlers) {
      const tracked: UntypedServiceImplementation = { ...handlers };
      for (const [name, handler] of Object.entries(handlers)) {
        const method = Object.entries(definition).find(
          ([key, { originalName }]) => key === name || originalName === name,
        );
        if (!method?.[1].responseStream) continue;
        tracked[name] = (call: StreamCall) => {
          open.add(call);
          call.once("cancelled", () => open.delete(call));
          // A stream's handler takes the call alone; grpc-js's type is the union with the shapes that take a callback.
          Reflect.apply(handler, undefined, [call]);
        };
      }
      server.addService(definition, tracked);
    },
  };
}
