import type { DescFile, FileRegistry } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { imageBytes, protos } from "./descriptor.js";

/** One file: the bytes of its `FileDescriptorProto`, as buf wrote them. */
export type FileBytes = Uint8Array;

/** Finds proto files, as server reflection is asked for them. */
export interface ProtoFiles {
  /** The file of this path, such as `ccsp/task/v1/task.proto`, and then all files that it imports. */
  named(path: string): FileBytes[] | undefined;
  /** The same for the file that declares a symbol: a service, a method, a message, a field, an enum or a value of it. */
  declaring(symbol: string): FileBytes[] | undefined;
  /** The same for the file that declares the extension of a message with this number. */
  extending(message: string, number: number): FileBytes[] | undefined;
  /** The numbers of all extensions of a message. Undefined if there is no such message. */
  extensionsOf(message: string): number[] | undefined;
}

/** Every proto of CCSP and what they import. */
export function readProtoFiles(): ProtoFiles {
  const registry = protos();
  const bytes = bytesOfFiles(imageBytes(), registry);
  const symbols = symbolsOf(registry);
  const extensions = [...registry].filter((type) => type.kind === "extension");

  const withImports = (file: DescFile | undefined): FileBytes[] | undefined => {
    if (!file) return undefined;
    const files = new Set([file]);
    // A set gives also what is added to it on the way.
    for (const { dependencies } of files) for (const imported of dependencies) files.add(imported);
    return [...files].flatMap((each) => bytes.get(each.proto.name) ?? []);
  };
  return {
    named: (path) => withImports(registry.getFile(path)),
    declaring: (symbol) => withImports(symbols.get(symbol)),
    extending: (message, number) =>
      withImports(extensions.find((each) => each.extendee.typeName === message && each.number === number)?.file),
    extensionsOf: (message) =>
      registry.getMessage(message) &&
      extensions.filter(({ extendee }) => extendee.typeName === message).map(({ number }) => number),
  };
}

/** By the name of the file. They are cut out of the image: what is decoded and encoded again may lose something. */
function bytesOfFiles(image: Uint8Array, registry: FileRegistry): Map<string, FileBytes> {
  const reader = new BinaryReader(image);
  const bytes = new Map<string, FileBytes>();
  // The image is a `FileDescriptorSet`, and its only field is `file`. The registry has them in the same order.
  for (const { proto } of registry.files) {
    reader.tag();
    bytes.set(proto.name, reader.bytes());
  }
  return bytes;
}

function symbolsOf(registry: FileRegistry): Map<string, DescFile> {
  const symbols = new Map<string, DescFile>();
  for (const type of registry) {
    symbols.set(type.typeName, type.file);
    // The value of an enum is named beside the enum, not below it.
    const scope = type.kind === "enum" ? type.typeName.slice(0, -type.name.length) : `${type.typeName}.`;
    for (const name of namesIn(type)) symbols.set(scope + name, type.file);
  }
  return symbols;
}

function namesIn(type: ReturnType<FileRegistry["get"]> & object): string[] {
  const { kind } = type;
  if (kind === "enum") return type.values.map(({ name }) => name);
  if (kind === "service") return type.methods.map(({ name }) => name);
  return kind === "message" ? [...type.fields, ...type.oneofs].map(({ name }) => name) : [];
}
