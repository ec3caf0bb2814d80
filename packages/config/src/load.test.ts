import assert from "node:assert/strict";
import { ConfigError, describeSettings, type Env, load } from "./load.js";
import type { Settings } from "./settings.js";

/** The faults that loading `define` from `env` reports. Fails when there are none. */
function faultsOf(env: Env, define: (settings: Settings) => unknown): readonly string[] {
  try {
    load(env, define);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.faults;
  }
  return assert.fail("no fault was found");
}

describe("load", () => {
  const define = (settings: Settings) => ({
    target: settings.text("CCSP_TARGET", "where to", { default: "dns:///x", pattern: /^dns:/ }),
    slots: settings.integer("CCSP_SLOTS", "runs at once", { default: 2, min: 1, max: 64 }),
    leaseMs: settings.durationMs("CCSP_LEASE", "time without a heartbeat", {
      default: "30s",
      min: 1_000,
      max: 60_000,
    }),
    strict: settings.flag("CCSP_STRICT", "refuse unusual input", { default: false }),
    engines: settings.list("CCSP_ENGINES", "engines, the default first", {
      default: ["claude-code"],
      pattern: /^[a-z-]+$/,
    }),
    level: settings.oneOf("CCSP_LEVEL", "least severe level", ["info", "warn"], { default: "info" }),
    listen: settings.listen("CCSP_LISTEN", "address", { default: "0.0.0.0:3001" }),
    proxy: settings.optionalText("CCSP_PROXY", "a proxy"),
  });

  it("gives every default when nothing is set", () => {
    assert.deepEqual(load({}, define), {
      config: {
        target: "dns:///x",
        slots: 2,
        leaseMs: 30_000,
        strict: false,
        engines: ["claude-code"],
        level: "info",
        listen: { host: "0.0.0.0", port: 3001 },
        proxy: undefined,
      },
      warnings: [],
    });
  });

  it("reads every kind of setting", () => {
    const env = {
      CCSP_TARGET: "dns:///y",
      CCSP_SLOTS: "64",
      CCSP_LEASE: "1m",
      CCSP_STRICT: "1",
      CCSP_ENGINES: "open-code, claude-code,",
      CCSP_LEVEL: "warn",
      CCSP_LISTEN: "[::1]:0",
      CCSP_PROXY: "http://p",
    };
    assert.deepEqual(load(env, define).config, {
      target: "dns:///y",
      slots: 64,
      leaseMs: 60_000,
      strict: true,
      engines: ["open-code", "claude-code"],
      level: "warn",
      listen: { host: "::1", port: 0 },
      proxy: "http://p",
    });
  });

  it("treats an empty or blank variable as not set, and trims blanks", () => {
    const { config } = load({ CCSP_SLOTS: "", CCSP_LEASE: "  ", CCSP_LEVEL: " warn\n" }, define);
    assert.equal(config.slots, 2);
    assert.equal(config.leaseMs, 30_000);
    assert.equal(config.level, "warn");
  });

  it("says in words what a text must be, where the setting has words for it", () => {
    const path = { pattern: /^\//, form: "an absolute path" };
    const faults = faultsOf({ CCSP_FOLDER: "x" }, (settings) => settings.optionalText("CCSP_FOLDER", "a folder", path));
    assert.deepEqual(faults, ['CCSP_FOLDER must be an absolute path, not "x"']);
  });

  it("reports all faults together, each with the setting, its allowed values and its value", () => {
    const env = {
      CCSP_TARGET: "x",
      CCSP_SLOTS: "65",
      CCSP_LEASE: "30",
      CCSP_STRICT: "yes",
      CCSP_ENGINES: "ok,NOT",
      CCSP_LEVEL: "loud",
      CCSP_LISTEN: "3001",
    };
    assert.deepEqual(faultsOf(env, define), [
      'CCSP_TARGET must match /^dns:/, not "x"',
      'CCSP_SLOTS must be a whole number from 1 to 64, not "65"',
      'CCSP_LEASE must be a duration such as 500ms, 30s, 5m or 2h, from 1s to 1m, not "30"',
      'CCSP_STRICT must be true or false, not "yes"',
      'CCSP_ENGINES must match /^[a-z-]+$/, not "ok,NOT"',
      'CCSP_LEVEL must be one of info, warn, not "loud"',
      'CCSP_LISTEN must be host:port or [v6 address]:port, with a port up to 65535, not "3001"',
    ]);
  });

  it("refuses text that only looks like a number", () => {
    for (const value of ["1.5", "1e1", "0x10", "ten", "-1", "9007199254740993"]) {
      const faults = faultsOf({ CCSP_N: value }, (settings) => settings.integer("CCSP_N", "n", { default: 1 }));
      assert.deepEqual(faults, [`CCSP_N must be a whole number of at least 0, not "${value}"`]);
    }
  });

  it("refuses a duration that no timer can hold, unless a higher bound is given", () => {
    const env = { CCSP_KEEP: "720h" };
    const faults = faultsOf(env, (settings) => settings.durationMs("CCSP_KEEP", "kept for", { default: "1h" }));
    assert.match(faults.join(), /CCSP_KEEP/);
    const max = 365 * 24 * 3_600_000;
    const { config } = load(env, (settings) => settings.durationMs("CCSP_KEEP", "kept for", { default: "1h", max }));
    assert.equal(config, 720 * 3_600_000);
  });

  it("says what a missing setting is used for", () => {
    const faults = faultsOf({}, (settings) => settings.text("CCSP_KEY", "signs tokens"));
    assert.deepEqual(faults, ["CCSP_KEY is not set: signs tokens"]);
  });

  it("never shows the value of a secret setting", () => {
    const env = { CCSP_SECRET: "hunter2", CCSP_SECRE: "hunter3" };
    const define = (settings: Settings) =>
      settings.optionalText("CCSP_SECRET", "signs tokens", { secret: true, pattern: /^.{32,}$/ });
    assert.deepEqual(faultsOf(env, define), ["CCSP_SECRET must match /^.{32,}$/ (its value is not shown)"]);
    assert.doesNotMatch(JSON.stringify(load({ CCSP_SECRE: "hunter3" }, define).warnings), /hunter/);
  });

  it("reports a fault that only several settings together have, and separates warnings from faults", () => {
    const define = (settings: Settings) => {
      settings.warn("odd");
      settings.fault("the one excludes the other");
    };
    assert.deepEqual(faultsOf({}, define), ["the one excludes the other"]);
    assert.deepEqual(load({}, (settings) => settings.warn("odd")).warnings, ["odd"]);
  });

  it("reports the faults that it found when the definition fails on the replacement of a faulty value", () => {
    const define = (settings: Settings) => new URL(settings.text("CCSP_URL", "an address"));
    assert.deepEqual(faultsOf({}, define), ["CCSP_URL is not set: an address"]);
  });

  it("passes on an error of the definition itself unchanged", () => {
    const bug = new TypeError("bug");
    const define = (): never => {
      throw bug;
    };
    assert.throws(() => load({}, define), bug);
  });
});

describe("load, for names that are not settings", () => {
  const define = (settings: Settings) => {
    settings.optionalText("CCSP_QUEUE_LISTEN", "address");
    settings.optionalText("CCSP_LOG_LEVEL", "level");
  };
  const warningsFor = (...names: string[]): readonly string[] =>
    load(Object.fromEntries(names.map((name) => [name, "x"])), define).warnings;

  it("warns of a name that looks like a misspelt setting, and names the setting", () => {
    for (const name of [
      "CCSP_QUEUE_LISTN",
      "CCSP_QUEUE_LITSEN",
      "CCSP_QUEUELISTEN",
      "CSSP_QUEUE_LISTEN",
      "ccsp_queue_listen",
    ]) {
      assert.deepEqual(warningsFor(name), [`${name} is not a setting and has no effect: is CCSP_QUEUE_LISTEN meant?`]);
    }
  });

  it("ignores those of other services and programs", () => {
    assert.deepEqual(warningsFor("CCSP_MONITOR_LISTEN", "CCSP_GATEWAY_TARGET", "LOG_LEVEL", "PATH"), []);
  });

  it("ignores a name that looks like a setting which is set itself", () => {
    assert.deepEqual(warningsFor("CCSP_LOG_LEVEL", "CCSP_LOG_LEVELS"), []);
  });
});

describe("describeSettings", () => {
  it("lists every setting once, in the order of reading, with its default in the form of a setting", () => {
    const described = describeSettings((settings) => {
      settings.text("CCSP_KEY", "signs tokens", { secret: true });
      settings.durationMs("CCSP_LEASE", "lease", { default: "30s" });
      settings.list("CCSP_ENGINES", "engines", { default: ["a", "b"] });
      settings.optionalText("CCSP_PROXY", "a proxy");
      settings.durationMs("CCSP_LEASE", "lease", { default: "30s" });
    });
    const common = { default: undefined, defaultIs: undefined, required: false, secret: false };
    assert.deepEqual(described, [
      { ...common, name: "CCSP_KEY", doc: "signs tokens", form: "text", required: true, secret: true },
      { ...common, name: "CCSP_LEASE", doc: "lease", form: "a duration of at least 0ms", default: "30s" },
      { ...common, name: "CCSP_ENGINES", doc: "engines", form: "a list with commas", default: "a,b" },
      { ...common, name: "CCSP_PROXY", doc: "a proxy", form: "text" },
    ]);
  });

  it("says in words what each kind of setting may be, and what a default is that depends on the machine", () => {
    const described = describeSettings((settings) => {
      settings.text("CCSP_HOST", "host", { default: "h7", defaultIs: "the host name", pattern: /^[a-z]+$/ });
      settings.integer("CCSP_SLOTS", "slots", { default: 2, min: 1, max: 64 });
      settings.integer("CCSP_BYTES", "bytes", { default: 2, min: 1 });
      settings.durationMs("CCSP_LEASE", "lease", { default: "30s", min: 1_000, max: 60_000 });
      settings.flag("CCSP_STRICT", "strict", { default: false });
      settings.list("CCSP_ENGINES", "engines", { default: [], pattern: /^[a-z]+$/ });
      settings.oneOf("CCSP_LEVEL", "level", ["info", "warn"], { default: "info" });
      settings.listen("CCSP_LISTEN", "address", { default: "127.0.0.1:1" });
    });
    assert.deepEqual(
      described.map(({ form, defaultIs }) => defaultIs ?? form),
      [
        "the host name",
        "a whole number from 1 to 64",
        "a whole number of at least 1",
        "a duration from 1s to 1m",
        "true or false",
        "a list with commas; each item matches /^[a-z]+$/",
        "one of info, warn",
        "host:port, or [v6 address]:port",
      ],
    );
  });

  it("reads settings that only some values of others have", () => {
    const define = (settings: Settings) =>
      settings.flag("CCSP_TLS", "encrypt", { default: false }) && settings.text("CCSP_CERT", "certificate");
    const names = (env: Env) => describeSettings(define, env).map(({ name }) => name);
    assert.deepEqual([names({}), names({ CCSP_TLS: "true" })], [["CCSP_TLS"], ["CCSP_TLS", "CCSP_CERT"]]);
  });
});
