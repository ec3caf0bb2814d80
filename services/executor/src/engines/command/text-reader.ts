import { type EngineEvent, emptyTranscript, type RunReader, wellFormed } from "@ccsp/engine-kit";

/** The task's log shows at most this much of a failed command's standard error. */
const COMPLAINT_CHARS = 1_000;

/**
 * Takes the whole output as the answer. The task's log shows what a failed command wrote to standard error. The failure
 * itself does not: it is in logs of services and in events, which have no text of a run.
 */
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
    end({ code, stderr }) {
      const last = text(decoder.decode());
      const complaint = wellFormed(stderr.trim().slice(-COMPLAINT_CHARS));
      if (code !== 0 && complaint !== "") last.push({ type: "notice", category: "ENGINE_CRASH", message: complaint });
      if (code === 0 && transcript.worked) {
        transcript.ending = { ok: true, text: said.join(""), turns: 0 };
      }
      return last;
    },
  };
}
