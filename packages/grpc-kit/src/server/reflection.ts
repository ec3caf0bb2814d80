import { type ProtoFiles, readProtoFiles } from "@ccsp/protos/files.js";
import { type ServiceDefinition, status, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { ReflectionService } from "@grpc/reflection";

/** A request of grpc.reflection.v1, as `@grpc/reflection` decodes it. */
interface Question {
  readonly host?: string;
  readonly messageRequest?: string;
  readonly fileByFilename?: string;
  readonly fileContainingSymbol?: string;
  readonly fileContainingExtension?: { readonly containingType?: string; readonly extensionNumber?: number };
  readonly allExtensionNumbersOfType?: string;
}

interface Stream {
  on(event: "data", listener: (question: Question) => void): unknown;
  on(event: "end", listener: () => void): unknown;
  write(answer: object): unknown;
  end(): void;
}

type AddService = (definition: ServiceDefinition, handlers: UntypedServiceImplementation) => void;

/**
 * Adds server reflection (v1 and v1alpha), which lists the services of these names. It answers with the files that buf
 * wrote, byte for byte: their names, imports, comments and custom options are what a client needs to call. The handlers
 * of `@grpc/reflection` lose these, so only its definitions are used (https://github.com/grpc/grpc-node/issues/2595).
 */
export function addReflection(addService: AddService, names: readonly string[]): void {
  // They take half a megabyte, which few servers are ever asked for.
  let read: ProtoFiles | undefined;
  const files = (): ProtoFiles => (read ??= readProtoFiles());
  const handlers = {
    ServerReflectionInfo(stream: Stream) {
      stream.on("data", (question) => stream.write(answer(question, { names, files })));
      stream.on("end", () => stream.end());
    },
  };
  new ReflectionService({}).addToServer({ addService: (definition) => addService(definition, handlers) });
}

interface Known {
  readonly names: readonly string[];
  readonly files: () => ProtoFiles;
}

function answer(question: Question, { names, files }: Known): object {
  const envelope = { validHost: question.host, originalRequest: question };
  const found = (description: string, list: Uint8Array[] | undefined): object =>
    list
      ? { ...envelope, fileDescriptorResponse: { fileDescriptorProto: list } }
      : failed(status.NOT_FOUND, `${description} not found`);
  const failed = (errorCode: status, errorMessage: string): object => ({
    ...envelope,
    errorResponse: { errorCode, errorMessage },
  });

  switch (question.messageRequest) {
    case "listServices":
      return { ...envelope, listServicesResponse: { service: names.map((name) => ({ name })) } };
    case "fileByFilename": {
      const { fileByFilename: path = "" } = question;
      return found(`File ${path}`, files().named(path));
    }
    case "fileContainingSymbol": {
      const { fileContainingSymbol: symbol = "" } = question;
      return found(`Symbol ${symbol}`, files().declaring(symbol));
    }
    case "fileContainingExtension": {
      const { containingType = "", extensionNumber = 0 } = question.fileContainingExtension ?? {};
      return found(
        `Extension ${extensionNumber} of ${containingType}`,
        files().extending(containingType, extensionNumber),
      );
    }
    case "allExtensionNumbersOfType": {
      const { allExtensionNumbersOfType: baseTypeName = "" } = question;
      const extensionNumber = files().extensionsOf(baseTypeName);
      return extensionNumber
        ? { ...envelope, allExtensionNumbersResponse: { baseTypeName, extensionNumber } }
        : failed(status.NOT_FOUND, `Message ${baseTypeName} not found`);
    }
    case undefined:
    default:
      return failed(status.UNIMPLEMENTED, "this server does not know the question");
  }
}
