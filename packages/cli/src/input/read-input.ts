import { open } from "node:fs/promises";
import { CliError, EXIT } from "../process/exit.js";

/** No prompt, attachment, token or key may be larger, however the installation is set. */
const MOST_BYTES = 4 * 1024 * 1024;

/** Where the bytes come from, in the words of an error: `--prompt-file /some/path`. */
type From = string;

/** Reads a file that an option names. The errors name the option and the file. */
export async function readInputFile(option: string, path: string): Promise<Uint8Array> {
  const from = `${option} ${path}`;
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw wrong(from, WHY[error.code ?? ""] ?? error.message);
  });
  try {
    if ((await file.stat()).isDirectory()) throw wrong(from, "it is a folder; name a file");
    return await readBytes(file.createReadStream({ autoClose: false }), from);
  } finally {
    await file.close();
  }
}

/** Reads a stream to its end. Stops with an error as soon as it is too large. */
export async function readBytes(stream: AsyncIterable<Uint8Array | string>, from: From): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    chunks.push(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
    bytes += chunks.at(-1)?.byteLength ?? 0;
    if (bytes > MOST_BYTES) throw wrong(from, `it has more than the maximum of ${MOST_BYTES} bytes`);
  }
  return Buffer.concat(chunks);
}

/** The bytes as text. Throws when they are not text, or when they are empty. */
export function textOf(bytes: Uint8Array, from: From): string {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw wrong(from, "it is not UTF-8 text; give other files with --attach");
  }
  if (text.trim() === "") throw wrong(from, "it is empty");
  return text;
}

const WHY: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "there is no such file",
  EACCES: "you may not read it",
};

const wrong = (from: From, why: string): CliError => new CliError(EXIT.usage, `${from}: ${why}`);
