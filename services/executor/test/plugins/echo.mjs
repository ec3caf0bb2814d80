import { ENDINGS, emptyTranscript, followRun, runOptions } from "@ccsp/engine-kit";

// An engine that the executor does not know. It answers with the value of CCSP_ECHO_ANSWER.
/** @type {import("@ccsp/engine-kit").EnginePlugin<{ answer: string }>} */
export const enginePlugin = {
  name: "echo",
  minimumVersion: "9.0.0",
  define: (settings) => ({ answer: settings.text("CCSP_ECHO_ANSWER", "what it answers") }),
  async open({ answer }, context) {
    return {
      name: "echo",
      capabilities: { streaming: false, usage: false, takes: [] },
      version: async () => "1.2.3",
      async start(request) {
        const run = await context.supervisor.start({
          ...runOptions(request),
          command: "/bin/sh",
          prepare: async () => ({ args: ["-c", "cat > /dev/null; echo $ANSWER"], env: { ANSWER: answer } }),
          input: request.prompt,
        });
        run.endInput(request.limits.wallMs);
        return followRun(run, { request, reader: lastLine(), rules: ENDINGS, context });
      },
    };
  },
};

function lastLine() {
  const transcript = { ...emptyTranscript(), version: "1.2.3" };
  return {
    transcript,
    read(line) {
      if (line.length > 0) transcript.ending = { ok: true, text: line.toString(), turns: 1 };
      return line.length > 0 ? [{ type: "text", text: line.toString() }] : [];
    },
  };
}
