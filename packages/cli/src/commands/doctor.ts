import { type HostPort, parseHostPort } from "@ccsp/config";
import { SERVICES, type ServiceName } from "@ccsp/fleet";
import { pause } from "@ccsp/timing";
import { Command, InvalidArgumentError } from "commander";
import { withConnection } from "../connection/connection.js";
import type { Finding } from "../doctor/finding.js";
import { FINDING_COLUMNS } from "../doctor/finding-table.js";
import { lookAgain } from "../doctor/look-again.js";
import type { DoctorOptions } from "../doctor/site.js";
import { stateDir } from "../local-fleet/state.js";
import { durationMs } from "../options/option-values.js";
import { isForPrograms, NAMELESS } from "../output/format.js";
import { showList } from "../output/show.js";
import { count } from "../output/words.js";
import { EXIT, type ExitCode, messageOf } from "../process/exit.js";
import { type Io, note, say } from "../process/io.js";
import { readSettingsFile, withSettings } from "../up/settings-file.js";

export function doctorCommand(io: Io, end: (code: ExitCode) => void): Command {
  const doctor = new Command("doctor")
    .description("look for what is wrong with an installation and this host, and say how to mend it")
    .option("--service <name...>", "check the settings of these services, which this environment has", service)
    .option("--ops <host:port...>", "ask these ops ports; each address of a name is asked", opsPort)
    .option("--wait <time>", "look again while something fails, for at most this time, such as 60s", durationMs);
  return withConnection(doctor, NAMELESS)
    .addHelpText(
      "after",
      `
Looks at versions, settings, services, Redis, Consul, certificates, clocks,
logins of engines, the sandbox, disks and the limits of this host, all at once
and within 20 s. It changes nothing and starts no engine.

Without options it looks at the local fleet, also before its first start. With
--service it looks at what this environment names: CCSP_REDIS_URL,
CCSP_CONSUL_URL, CCSP_<SERVICE>_TLS_DIR and the others that the service reads.
So it works on the host of a service, and in a container with its settings.

States:
  ok    as it should be
  warn  it works, and may not for long or not in every case
  fail  something does not work, or accepted tasks may get lost
  skip  it could not be looked at, and the line says why

Ends with 1 when there is a fail.

Examples:
  ccsp doctor
  ccsp doctor -o json | jq 'select(.state == "fail")'
  ccsp doctor --service queue --ops queue:9001 gateway:9000`,
    )
    .action(async (options: DoctorOptions) => {
      const findings = await lookAgain(() => diagnose(io, options), {
        waitMs: options.wait ?? 0,
        now: () => performance.now(),
        pause,
        tell: (line) => note(io, line),
      });
      await showList(io, options, {
        rows: findings,
        json: (finding) => finding,
        name: ({ check }) => check,
        columns: FINDING_COLUMNS,
        empty: "",
      });
      if (!isForPrograms(options)) sayRemedies(io, findings);
      end(findings.some(({ state }) => state === "fail") ? EXIT.failed : EXIT.ok);
    });
}

async function diagnose(io: Io, options: DoctorOptions): Promise<readonly Finding[]> {
  const { settingsFile } = stateDir(io.env);
  const now = () => new Date();
  // These load the clients of all that is looked at.
  const [{ examine }, { openSite }] = await Promise.all([import("../doctor/examine.js"), import("../doctor/site.js")]);
  try {
    const file = await readSettingsFile(settingsFile);
    return await examine(await openSite(io, options, withSettings(io.env, file), now));
  } catch (error) {
    // A file that is damaged is what a person looks for.
    const damaged: Finding = {
      check: "settings",
      subject: settingsFile,
      state: "fail",
      detail: messageOf(error),
      mend: "correct the file that it names",
    };
    return [damaged];
  }
}

function sayRemedies(io: Io, findings: readonly Finding[]): void {
  const wrong = findings.filter(({ mend }) => mend !== undefined);
  if (wrong.length > 0) say(io, "");
  for (const { check, state, subject, detail, mend } of wrong) {
    say(io, `${state} ${check}: ${subject}: ${detail}`);
    say(io, `     mend: ${mend}`);
  }
  const sum = (state: Finding["state"]) => findings.filter((each) => each.state === state).length;
  note(
    io,
    `${count(sum("fail"), "failure")}, ${count(sum("warn"), "warning")}, ${sum("ok")} ok, ${sum("skip")} skipped`,
  );
}

function service(value: string, before: readonly ServiceName[] = []): readonly ServiceName[] {
  const found = SERVICES.find((each) => each === value);
  if (found === undefined) throw new InvalidArgumentError(`It must be one of ${SERVICES.join(", ")}.`);
  return [...before, found];
}

function opsPort(value: string, before: readonly HostPort[] = []): readonly HostPort[] {
  const address = parseHostPort(value);
  if (address === undefined) throw new InvalidArgumentError("Write it as host:port, such as queue:9001.");
  return [...before, address];
}
