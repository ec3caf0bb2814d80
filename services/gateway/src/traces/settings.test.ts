import assert from "node:assert/strict";
import { ConfigError, load } from "@ccsp/config";
import { tracesUrl } from "./settings.js";

const read = (value: string) => load({ CCSP_GATEWAY_TRACES_URL: value }, tracesUrl).config;

describe("CCSP_GATEWAY_TRACES_URL", () => {
  it("may be Jaeger's query service or a socket, also in a folder with a space", () => {
    for (const url of [
      "http://jaeger:16686",
      "https://jaeger.example/base",
      "unix:///home/ada/My Projects #1/traces.sock",
    ])
      assert.equal(read(url), url);
    assert.equal(load({}, tracesUrl).config, undefined);
  });

  it("is refused where no call could work, in words", () => {
    for (const url of [
      "jaeger:16686",
      "http://user:password@jaeger",
      "http:///x",
      "unix://traces.sock",
      "http://jaeger?x",
    ])
      assert.throws(
        () => read(url),
        (error) => error instanceof ConfigError && /must be an http or https URL/.test(error.message),
      );
  });
});
