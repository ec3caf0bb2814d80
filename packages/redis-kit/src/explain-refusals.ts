import type { Redis } from "ioredis";
import type { RedisClient } from "./redis-client.js";

const REFUSED = /^(NOPERM |ERR ACL failure in script)/;

/**
 * Adds to each refusal of the ACL which command it was, of which user. Redis itself says only "No permissions to access
 * a key".
 */
export function explainRefusals(client: RedisClient, user = "default"): void {
  const target: Pick<Redis, "sendCommand"> = client;
  const send = target.sendCommand.bind(client);
  target.sendCommand = (command, ...rest) => {
    command.promise.catch((error: unknown) => {
      if (!(error instanceof Error) || !REFUSED.test(error.message)) return;
      const hint = `${command.name} as user ${user}; deploy/redis/users.acl has what each service needs`;
      // A command that is sent again passes here again.
      if (error.message.endsWith(`(${hint})`)) return;
      error.message += ` (${hint})`;
      // A log has no message of Redis. It has this one, which code of CCSP made.
      error.cause = new Error(hint);
    });
    return send(command, ...rest);
  };
}
