import { type Command, InvalidArgumentError, Option } from "commander";
import { CliError, EXIT } from "../process/exit.js";

/** What `-o` takes. */
export const FORMATS = ["table", "wide", "json", "yaml", "name"] as const;
export type Format = (typeof FORMATS)[number];

/** For a command that shows things which have no name, such as the state of the queue. */
export const NAMELESS = ["table", "wide", "json", "yaml"] as const satisfies readonly Format[];
/** For a command that follows something: text for people, or one line of JSON for each event. */
const STREAMED = ["table", "json"] as const satisfies readonly Format[];

export interface OutputOptions {
  readonly output?: Format;
  /** Set by `--json` and by `-o json`. */
  readonly json?: true;
}

/** Adds `-o, --output` and `--json`, which is another spelling of `-o json`. */
export function withOutput(command: Command, formats: readonly Format[] = STREAMED): Command {
  const parse = (value: string): Format => {
    const format = formats.find((each) => each === value);
    if (format === undefined) throw new InvalidArgumentError(`It must be one of ${formats.join(", ")}.`);
    if (format === "json") command.setOptionValue("json", true);
    return format;
  };
  const forms = formats.includes("yaml") ? "; docs/cli-output.md describes json and yaml" : "";
  return command
    .hook("preAction", () => {
      const { output, json }: OutputOptions = command.opts();
      if (json && output !== undefined && output !== "json") {
        throw new CliError(
          EXIT.usage,
          `--json is -o json, so it cannot be used with -o ${output}: give one of the two`,
        );
      }
    })
    .addOption(new Option("-o, --output <format>", `${formats.join(", ")} (default: table${forms})`).argParser(parse))
    .addOption(new Option("--json", "the same as -o json"));
}

/** The format that the options ask for. */
export const formatOf = ({ output, json }: OutputOptions): Format => (json ? "json" : (output ?? "table"));

/** Whether programs read the output. Then it has no hints for people. */
export const isForPrograms = (options: OutputOptions): boolean => !["table", "wide"].includes(formatOf(options));

/** Whether a command line asks for JSON. It is needed for errors, which may come before the options are read. */
export function asksForJson(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  const options = end < 0 ? args : args.slice(0, end);
  return options.some(
    (arg, i) =>
      ["--json", "-ojson", "--output=json"].includes(arg) ||
      (arg === "json" && ["-o", "--output"].includes(options[i - 1] ?? "")),
  );
}
