import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Client, type ClientReadableStream, credentials, loadPackageDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { service as healthService } from "grpc-health-check";

/** Clients of the standard services, built as third-party tools build them. */
export interface HealthClient {
  check(service: string): Promise<string>;
  watch(request: { service: string }): ClientReadableStream<{ status: string }>;
  close(): void;
}

export function healthClient(
  port: number,
  { secure = credentials.createInsecure(), serverName = "" } = {},
): HealthClient {
  const named = serverName && { "grpc.ssl_target_name_override": serverName };
  const client = new Client(`127.0.0.1:${port}`, secure, { ...named });
  const { Check, Watch } = healthService;
  if (!Check || !Watch) throw new Error("grpc-health-check has no Check and Watch");
  return {
    check: (service) =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          Check.path,
          Check.requestSerialize,
          Check.responseDeserialize,
          { service },
          (err, response) => {
            if (err) reject(err);
            else resolve(String(response && "status" in response && response.status));
          },
        );
      }),
    watch: (request) =>
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- proto-loader has no types of its own
      client.makeServerStreamRequest(
        Watch.path,
        Watch.requestSerialize,
        Watch.responseDeserialize,
        request,
      ) as ClientReadableStream<{ status: string }>,
    close: () => client.close(),
  };
}

/** An answer of server reflection: one of these. */
export interface ReflectionAnswer {
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: Uint8Array[] };
  readonly allExtensionNumbersResponse?: { readonly extensionNumber: readonly number[] };
  readonly errorResponse?: { readonly errorCode: number; readonly errorMessage: string };
}

/** Sends one question to server reflection and returns the answer. */
export async function reflect(port: number, question: object): Promise<ReflectionAnswer> {
  const root = dirname(createRequire(import.meta.url).resolve("@grpc/reflection/package.json"));
  const definition = loadSync(join(root, "build/proto/grpc/reflection/v1/reflection.proto"), {
    longs: String,
    enums: String,
  });
  const method = definition["grpc.reflection.v1.ServerReflection"];
  if (!method || !("ServerReflectionInfo" in method)) throw new Error("no reflection service");
  loadPackageDefinition(definition);
  const { path, requestSerialize, responseDeserialize } = method["ServerReflectionInfo"];
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  try {
    return await new Promise((resolve, reject) => {
      stream.on("data", resolve);
      stream.on("error", reject);
      stream.write(question);
    });
  } finally {
    stream.end();
    client.close();
  }
}
