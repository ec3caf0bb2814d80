import type { Settings } from "@ccsp/config";

export interface ConversationConfig {
  /** How long a conversation is kept after its last turn. */
  readonly keptMs: number;
  /** Most bytes of all transcripts together. */
  readonly transcriptBytes: number;
  /** How long a follow-up waits for the executor that has the transcript on its disk. */
  readonly affinityMs: number;
}

const YEAR_MS = 365 * 24 * 60 * 60 * 1_000;

export function defineConversations(settings: Settings): ConversationConfig {
  return {
    keptMs: settings.durationMs("CCSP_QUEUE_CONVERSATION_TTL", "how long a conversation is kept after its last turn", {
      default: "30d",
      min: 60_000,
      max: YEAR_MS,
    }),
    transcriptBytes: settings.integer(
      "CCSP_QUEUE_TRANSCRIPT_BYTES",
      "most bytes of transcripts in Redis; above it the oldest are removed",
      { default: 256 * 1024 * 1024, min: 16 * 1024 * 1024 },
    ),
    affinityMs: settings.durationMs(
      "CCSP_QUEUE_CONVERSATION_AFFINITY",
      "how long a follow-up waits for the executor that has the transcript on its disk; 0s: not at all",
      { default: "30s", max: 60 * 60 * 1_000 },
    ),
  };
}
