import { fileURLToPath } from "node:url";
import {
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  status,
  type UntypedHandleCall,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { decodeExport, type ExportRequest, resourcesIn } from "./decode.js";
import type { Span } from "./span.js";

const PROTO = fileURLToPath(new URL("../proto/otlp-trace.proto", import.meta.url));
const SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService";

/** The collector's service of OTLP, for `Server.addService`. */
export interface OtlpService {
  readonly definition: ServiceDefinition;
  readonly handlers: Readonly<Record<string, UntypedHandleCall>>;
}

/**
 * Passes the spans of each export, and the attributes of their resources, to `receive`. `admit` gets the size of an
 * export before it is decoded: the export is refused with RESOURCE_EXHAUSTED and this text if the function returns one.
 */
export function otlpService(
  receive: (spans: readonly Span[], resources: readonly Readonly<Record<string, unknown>>[]) => void,
  admit: (bytes: number) => string | undefined = () => undefined,
): OtlpService {
  const loaded = loadSync(PROTO, { longs: String, enums: String, defaults: true, oneofs: true })[SERVICE];
  const method = loaded && !("format" in loaded) ? loaded["Export"] : undefined;
  if (!method) throw new Error(`${PROTO} does not define ${SERVICE}`);
  const decode = (bytes: Buffer): ExportRequest => {
    const request: ExportRequest = Object(method.requestDeserialize(bytes));
    return request;
  };
  const handle = (call: ServerUnaryCall<Buffer, object>, answer: sendUnaryData<object>): void => {
    const refused = admit(call.request.length);
    if (refused !== undefined) return answer({ code: status.RESOURCE_EXHAUSTED, details: refused });
    try {
      const request = decode(call.request);
      receive(decodeExport(request), resourcesIn(request));
    } catch {
      return answer({ code: status.INVALID_ARGUMENT, details: "this is not an export of OTLP" });
    }
    answer(null, {});
  };
  return {
    // The request stays bytes until it is admitted.
    definition: { Export: { ...method, requestDeserialize: (bytes: Buffer) => bytes } },
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    handlers: { Export: handle as UntypedHandleCall },
  };
}
