import { type EngineEvent, emptyTranscript, type RunReader } from "@ccsp/engine-kit";

/** Takes the whole output as the answer. */
export function createTextReader(): RunReader<never> {
  const transcript = emptyTranscript<never>();
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const said: string[] = [];

  const text = (piece: string): EngineEvent[] => {
    if (piece === "") return [];
    transcript.worked = true;
    said.push(piece);
    return [{ type: "text", text: piece }];
  };

  return {
    transcript,
    read: (piece) => text(decoder.decode(piece, { stream: true })),
    end({ code }) {
      const last = text(decoder.decode());
      if (code === 0 && transcript.worked) {
        transcript.ending = { ok: true, text: said.join(""), turns: 0 };
      }
      return last;
    },
  };
}
