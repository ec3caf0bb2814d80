import { Writable } from "node:stream";
import { isatty, WriteStream } from "node:tty";
import { openOutput } from "./output.js";

/**
 * From now on, what any code of this process writes to `process.stdout` and `process.stderr` goes the way of its log
 * (`openOutput`). Node's own streams make a pipe or a socket non-blocking for all processes that share it, as soon as
 * any code reads the property; and on a terminal, they wait for it. So call this before such code is loaded.
 *
 * A listener of the event `lost` gets what was lost (`Lost`), and writes it in its own form.
 */
export function replaceStandardStreams(): void {
  for (const [name, fd] of [
    ["stdout", 1],
    ["stderr", 2],
  ] as const) {
    let stream: Writable | undefined;
    const get = () => (stream ??= standardStream(fd));
    Object.defineProperty(process, name, { configurable: true, enumerable: true, get });
  }
}

function standardStream(fd: number): Writable {
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      openOutput(fd).write(String(chunk));
      done();
    },
  });
  stream.on("newListener", (event) => {
    if (event === "lost") openOutput(fd).sayLoss((lost) => stream.emit("lost", lost));
  });
  // It opens the terminal again, with flags of its own.
  const terminal = isatty(fd) ? new WriteStream(fd) : undefined;
  return Object.defineProperties(stream, {
    fd: { value: fd },
    isTTY: { value: terminal?.isTTY },
    columns: { get: () => terminal?.getWindowSize()[0] },
  });
}
