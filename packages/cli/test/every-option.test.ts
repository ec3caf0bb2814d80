import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { type Argument, type Command, CommanderError, type Option } from "commander";
import { commandOf, type Parsed, parse, program } from "./parse.js";
import { VALUES, type Values } from "./values.js";

/** An option or an argument of a command, and its values. */
interface Case {
  /** Words of the command, such as `queue list`. Empty for `ccsp` itself. */
  readonly path: string;
  readonly part: Option | Argument;
  /** As in help: `--turns <number>` or `<task>`. */
  readonly written: string;
  readonly values: Values | undefined;
}

const isOption = (part: Option | Argument): part is Option => "flags" in part;
const written = (part: Option | Argument): string =>
  isOption(part) ? part.flags : part.required ? `<${part.name()}>` : `[${part.name()}]`;

function casesOf(command: Command, path = ""): Case[] {
  const own = [...command.options, ...command.registeredArguments].map((part) => {
    const text = written(part);
    return { path, part, written: text, values: VALUES[`${path} ${text}`] ?? VALUES[text] };
  });
  return [...own, ...command.commands.flatMap((sub) => casesOf(sub, `${path} ${sub.name()}`.trim()))];
}

const CASES = casesOf(await program());

/** Reads a command line with everything that the command requires, and the given option. Runs nothing. */
async function parseCase({ path, part }: Case, value: string | undefined): Promise<Parsed> {
  const words = path.split(" ").filter(Boolean);
  const { command } = commandOf(await program(words[0]), words) ?? assert.fail(path);
  const valueOf = (each: Option | Argument) =>
    (VALUES[`${path} ${written(each)}`] ?? VALUES[written(each)])?.right ?? "x";
  const operands = command.registeredArguments.map((each) =>
    each.name() === (isOption(part) ? "" : part.name()) ? (value ?? "x") : valueOf(each),
  );
  const required = command.options.filter((each) => each.mandatory && each.flags !== written(part));
  const options = required.flatMap((each) => [each.long ?? "", valueOf(each)]);
  if (isOption(part)) options.push(part.long ?? "", ...(value === undefined ? [] : [value]));
  return parse([...words, ...operands, ...options]);
}

describe("every option and argument of ccsp", () => {
  it("has its values in the table, and the table has no others", () => {
    const missing = CASES.filter(({ values }) => values === undefined).map(
      ({ path, written: text }) => `${path} ${text}`,
    );
    assert.deepEqual(
      missing,
      [],
      `add a row to VALUES in packages/cli/test/values.ts for each of these, with a value that is accepted and one that is refused: ${missing.join("; ")}`,
    );
    const used = new Set(CASES.flatMap(({ path, written: text }) => [text, `${path} ${text}`]));
    const unused = Object.keys(VALUES).filter((key) => !used.has(key));
    assert.deepEqual(unused, [], `remove these rows from VALUES in packages/cli/test/values.ts: ${unused.join("; ")}`);
    const undecided = Object.entries(VALUES).filter(
      ([, { wrong, any }]) => (wrong === undefined) === (any === undefined),
    );
    assert.deepEqual(undecided, [], "each row has either a wrong value, or says why there is none");
  });

  for (const path of new Set(CASES.map((each) => each.path))) {
    it(`is read when it is right, and else refused by its name: ccsp ${path}`, async () => {
      for (const each of CASES) if (each.path === path) await assertRead(each);
    });
  }
});

async function assertRead(each: Case): Promise<void> {
  const { path, part, written: text, values } = each;
  if (values === undefined) return;
  const { right, gives = right ?? true, wrong } = values;
  const { options, operands } = await parseCase(each, right);
  if (isOption(part)) assert.deepEqual(options[part.attributeName()], gives, `ccsp ${path} ${text}`);
  else
    assert.ok(
      operands.some((operand) => isDeepStrictEqual(operand, gives)),
      `ccsp ${path} ${text}: ${operands.map(String).join(", ")}`,
    );
  if (wrong === undefined) return;
  const [value, form] = wrong;
  await assert.rejects(
    parseCase(each, value),
    (error) => {
      assert.ok(error instanceof CommanderError, String(error));
      for (const words of [isOption(part) ? text : part.name(), `'${value}'`, form]) {
        assert.ok(error.message.includes(words), `"${words}" in "${error.message}"`);
      }
      return true;
    },
    `ccsp ${path} ${text} '${value}'`,
  );
}
