import { OperatorServiceService as Rpcs } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import type { Guard } from "../application/guard.js";

export interface KeysOperationOptions {
  readonly guard: Guard;
}

/** What operators do with API keys and tokens. */
export function keysOperations({ guard }: KeysOperationOptions) {
  const notYet = () => Promise.reject(new Error("there are no API keys yet"));
  return {
    createKey: guard.unary(Rpcs.createKey, notYet),
    listKeys: guard.unary(Rpcs.listKeys, notYet),
    rotateKey: guard.unary(Rpcs.rotateKey, notYet),
    revokeKey: guard.unary(Rpcs.revokeKey, notYet),
    revokeTokens: guard.unary(Rpcs.revokeTokens, notYet),
  };
}
