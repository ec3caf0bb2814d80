import { AuthenticationError, createCcspClient, UnavailableError } from "@ccsp/client";

const client = createCcspClient({
  target: process.env["CCSP_GATEWAY"] ?? "gateway.example.com:3000",
  tokenFile: process.env["CCSP_TOKEN_FILE"] ?? "/run/secrets/ccsp-token",
  tls: { caFile: process.env["CCSP_CA_FILE"] ?? "/etc/ccsp/ca.pem" },
});

try {
  const { version, agentId } = await client.capabilities({ signal: AbortSignal.timeout(10_000) });
  console.log(`CCSP ${version} knows this agent as ${agentId}`);
} catch (error) {
  if (error instanceof UnavailableError) console.error(`no gateway: ${error.message}`);
  else if (error instanceof AuthenticationError) console.error(`no good token (${error.reason}): ${error.message}`);
  else throw error;
  process.exitCode = 1;
} finally {
  client.close();
}
