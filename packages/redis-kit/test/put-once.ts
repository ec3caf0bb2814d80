import { bindScript, oneOf, type RedisClient } from "../src/index.js";

export const luaFile = (name: string): URL => new URL(`./lua/${name}.lua`, import.meta.url);

/** A script for tests of the connection. Its effect is idempotent, and its answer says whether it ran before. */
export function bindPutOnce(client: RedisClient) {
  const putOnce = bindScript(client, luaFile("put_once"), ["values", "order"], oneOf("ok", "taken"));
  return (name: string, value: string, tag = "t") =>
    putOnce({ values: `test:{${tag}}:values`, order: `test:{${tag}}:order` }, name, value);
}
