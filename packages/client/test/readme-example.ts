import { createCcspClient, InvalidTaskError, QueueFullError, TaskFailedError } from "@ccsp/client";

const client = createCcspClient({
  target: process.env["CCSP_GATEWAY"] ?? "127.0.0.1:3000",
  token: process.env["CCSP_TOKEN"] ?? "",
});

try {
  for await (const event of client.run({ prompt: "Say hello", priority: "high", labels: { team: "docs" } })) {
    if (event.type === "text") process.stdout.write(event.text);
    if (event.type === "taken-back") process.stdout.write("\n[taken back]\n");
    if (event.type === "waiting") console.error(`waits: ${event.reason}`);
    if (event.type === "ended") console.error(`\n${event.state}, cost ${event.result?.costUsd ?? "unknown"}`);
  }

  const result = await client.run({ prompt: "Say it again" }).result();
  console.log(result.text);
} catch (error) {
  if (error instanceof InvalidTaskError) console.error("correct these:", error.fields);
  else if (error instanceof QueueFullError) console.error(`try again in ${error.retryAfterMs ?? "some"} ms`);
  else if (error instanceof TaskFailedError) console.error(`failed for good: ${error.category}`);
  else throw error;
} finally {
  client.close();
}
