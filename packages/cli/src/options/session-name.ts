import type { Account } from "@ccsp/protos/ccsp/queue/v1/account.js";
import { InvalidArgumentError } from "commander";

export const SESSION_WORDS = "ENGINE/ACCOUNT, or ENGINE when its account has no name";

/** Parses the name of a session, as `ccsp session list` shows it. */
export function sessionAccount(text: string): Account {
  const [engine = "", ...account] = text.split("/");
  if (engine === "") throw new InvalidArgumentError(`Write it as ${SESSION_WORDS}.`);
  return { engine, account: account.join("/") };
}

export function sessionName({ engine, account }: Account = { engine: "", account: "" }): string {
  return account === "" ? engine : `${engine}/${account}`;
}
