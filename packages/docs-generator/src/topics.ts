/** Headings for the services with many settings. A setting belongs to the first one whose pattern its name matches. */
const TOPICS = [
  ["How many tasks may wait", /^CCSP_(?:MAX_PROMPT|QUEUE_(?:AGENT_|CLASS_)?MAX_WAITING)/],
  ["Overload", /^CCSP_QUEUE_OVERLOAD/],
  ["Which task starts next", /^CCSP_QUEUE_(?:URGENT|WEIGHTS|AGENT_|LABEL_|ENGINE_RATES|GATE_RAMP)/],
  ["Leases and retries", /^CCSP_QUEUE_(?:LEASE|RETRY|REFUSALS)/],
  ["What is kept", /^CCSP_QUEUE_(?:RETENTION|MAX_ENDED)/],
  ["Cache", /^CCSP_QUEUE_CACHE/],
  ["Conversations", /^CCSP_QUEUE_(?:CONVERSATION|TRANSCRIPT)/],
  ["Conversations on its disk", /^CCSP_EXECUTOR_CONVERSATION/],
  ["What tasks may ask for", /^CCSP_EXECUTOR_(?:ALLOWED|DENIED|PERMISSION|WALL|MAX_)/],
  ["Engines and hooks", /^CCSP_EXECUTOR_(?:ENGINE|SLOTS|HOOKS)/],
  ["Processes of a run", /^CCSP_EXECUTOR_(?:SILENCE|STALL|MEMORY|PROCESS|CGROUP|KILL|PATH)|^PATH$/],
  ["Processes that wait", /^CCSP_EXECUTOR_WARM/],
] as const satisfies readonly (readonly [string, RegExp])[];

/** The items by topic. Those without a topic come first, under "". */
export function topicsOf<T>(items: readonly T[], nameOf: (item: T) => string) {
  const topicOf = (item: T): string => TOPICS.find(([, pattern]) => pattern.test(nameOf(item)))?.[0] ?? "";
  return ["", ...TOPICS.map(([topic]) => topic)]
    .map((topic) => ({ topic, items: items.filter((item) => topicOf(item) === topic) }))
    .filter((each) => each.items.length > 0);
}
