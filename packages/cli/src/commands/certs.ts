import { isIP } from "node:net";
import { join, relative, resolve } from "node:path";
import {
  type Authority,
  CERTIFICATE_DAYS,
  CertificateFault,
  certificateFolders,
  createAuthority,
  findCertificates,
  folderFor,
  type Issued,
  issueCertificate,
  keepCertificates,
  readAuthority,
  sameAgain,
  type Wanted,
} from "@ccsp/certificates";
import { SERVICES } from "@ccsp/fleet";
import { AGENT_ID, type CertificateName, uriOf } from "@ccsp/identity";
import { Command, InvalidArgumentError, Option } from "commander";
import { stateDir } from "../local-fleet/state.js";
import { wholeNumber } from "../options/option-values.js";
import { FORMATS, NAMELESS, type OutputOptions, withOutput } from "../output/format.js";
import { showList, showOne } from "../output/show.js";
import { zonedTime } from "../output/words.js";
import { CliError, EXIT } from "../process/exit.js";
import type { Io } from "../process/io.js";
import { certificateColumns, certificateJson } from "../tables/certificates.js";

const FOLDER = "the folder with the CA (default: the local fleet's)";

export function certsCommand(io: Io): Command {
  const command = new Command("certs").description("make, renew and show certificates of services and operators");
  for (const sub of [initCommand(io), issueCommand(io), showCommand(io)]) command.addCommand(sub);
  return command;
}

interface InitOptions extends OutputOptions {
  readonly newCa?: true;
}

function initCommand(io: Io): Command {
  return withOutput(new Command("init"), NAMELESS)
    .description("make a CA and a certificate for each service, or renew what is due")
    .argument("[folder]", FOLDER)
    .option("--new-ca", "replace the CA by a new one; services go on trusting the old one too")
    .addHelpText(
      "after",
      `
A CA that is there stays. Of the certificates, those are made again that have a
third of their life left, or that the CA did not sign: so run it once a day.

Each service gets a folder with ca.crt, tls.crt and tls.key. Copy it to the host
of the service, and name it in CCSP_<SERVICE>_TLS_DIR. Running services read
changed files by themselves. Keep ca.key on this host: who has it can make a
certificate of any service.

Examples:
  ccsp certs init /etc/ccsp/certs
  ccsp certs init /etc/ccsp/certs --new-ca`,
    )
    .action(async (named: string | undefined, { newCa, ...options }: InitOptions) => {
      const folder = folderOf(io, named);
      await showFaults(async () => {
        const found = newCa ? undefined : await readAuthority(folder);
        const authority = found ?? (await createAuthority(folder));
        const issued = await keepCertificates(authority, await wantedIn(folder));
        await showOne(io, options, {
          json: () => ({
            folder,
            authority: authority.facts.subject,
            made: found === undefined,
            issued: issued.map(issuedJson),
          }),
          lines: () => [
            found === undefined ? `made ${authority.facts.subject} in ${folder}` : `${authority.facts.subject} stays`,
            ...issued.map(({ wanted, why }) => `made ${relative(folder, wanted.folder)}: ${why}`),
            ...(found !== undefined && issued.length === 0 ? ["nothing is due"] : []),
          ],
        });
      });
    });
}

/** The services, and whatever else has a certificate in the folder already. */
async function wantedIn(folder: string): Promise<readonly Wanted[]> {
  const services = SERVICES.map((name) => folderFor(folder, { kind: "service", name }));
  const others = (await certificateFolders(folder)).filter((each) => !services.includes(each));
  const again = await Promise.all(others.map(sameAgain));
  const wanted = await Promise.all(
    SERVICES.map(async (name): Promise<Wanted> => {
      const own = { folder: folderFor(folder, { kind: "service", name }), name: { kind: "service", name } } as const;
      return { ...(await sameAgain(own.folder)), ...own };
    }),
  );
  return [...wanted, ...again.filter((each) => each !== undefined)];
}

const issuedJson = ({ wanted, certificate, why }: Issued) => ({
  ...certificateJson({ file: join(wanted.folder, "tls.crt"), certificate }),
  why,
});

interface IssueOptions extends OutputOptions {
  readonly host?: readonly string[];
  readonly days?: number;
  readonly operator?: true;
  readonly folder?: string;
}

function issueCommand(io: Io): Command {
  return withOutput(new Command("issue"), FORMATS)
    .description("make a certificate and a key for a service or, with --operator, for a person")
    .argument("<name>", "the service, such as queue; or the person")
    .option("--host <host>", "a name or address by which others call it, may be repeated", host)
    .addOption(
      new Option(
        "--days <number>",
        `for how long it is valid (default: as before, else ${CERTIFICATE_DAYS})`,
      ).argParser(wholeNumber(1)),
    )
    .option("--operator", "for a person: it may stop all work when no gateway answers")
    .option("--folder <folder>", FOLDER)
    .addHelpText(
      "after",
      `
The certificate says who it is for: spiffe://ccsp/service/<name> or
spiffe://ccsp/operator/<name>. Services check only this. Other programs check
hosts: a service has its name, localhost and 127.0.0.1, and those of --host.
Without --host it keeps the ones that it had before.

Examples:
  ccsp certs issue queue --folder /etc/ccsp/certs
  ccsp certs issue gateway-public --host ccsp.example.org
  ccsp certs issue ann --operator --days 30`,
    )
    .action(async (person: string, { host: hosts, days, operator, folder: named, ...options }: IssueOptions) => {
      const folder = folderOf(io, named);
      const name = nameOf(person, operator === true);
      await showFaults(async () => {
        const authority = await authorityOf(folder);
        const own = { folder: folderFor(folder, name), name };
        const before = await sameAgain(own.folder);
        const wanted = { ...before, ...own, ...(hosts && { hosts }), ...(days !== undefined && { days }) };
        const certificate = await issueCertificate(authority, wanted);
        const found = { file: join(own.folder, "tls.crt"), certificate };
        await showOne(io, options, {
          json: () => certificateJson(found),
          name: found.file,
          lines: () => [`made ${uriOf(name)} in ${own.folder}, valid until ${zonedTime(certificate.until)}`],
        });
      });
    });
}

function showCommand(io: Io): Command {
  return withOutput(new Command("show"), FORMATS)
    .description("show for whom certificates are and until when")
    .argument("[path]", "a file in PEM, or a folder with certificates (default: the local fleet's)")
    .addHelpText("after", "\nExamples:\n  ccsp certs show\n  ccsp certs show /etc/ccsp/certs/queue/tls.crt -o json")
    .action(async (named: string | undefined, options: OutputOptions) => {
      const path = folderOf(io, named);
      await showFaults(async () => {
        await showList(io, options, {
          rows: await findCertificates(path),
          json: certificateJson,
          name: ({ file }) => file,
          columns: certificateColumns(path),
          empty: "no certificates",
        });
      });
    });
}

/** The folder that a person names. Otherwise the local fleet's, which `ccsp up` makes. */
const folderOf = ({ env }: Io, named: string | undefined): string =>
  named ? resolve(named) : stateDir(env).certificatesDir;

async function authorityOf(folder: string): Promise<Authority> {
  const authority = await readAuthority(folder);
  if (authority !== undefined) return authority;
  throw new CliError(EXIT.usage, `${folder} has no CA: make one with \`ccsp certs init ${folder}\``);
}

/** Faults of files are for the person who called the command. */
async function showFaults(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof CertificateFault)) throw error;
    throw new CliError(EXIT.usage, error.message);
  }
}

const SERVICE_NAME = /^[a-z][a-z0-9-]{0,62}$/;

function nameOf(name: string, isOperator: boolean): CertificateName {
  if (isOperator) {
    if (AGENT_ID.test(name) && !/^\.+$/.test(name)) return { kind: "operator", name };
    throw new CliError(EXIT.usage, `'${name}' is not an operator's name (1 to 128 of A-Z a-z 0-9 . _ @ -)`);
  }
  if (SERVICE_NAME.test(name) && name !== "operators") return { kind: "service", name };
  throw new CliError(
    EXIT.usage,
    `'${name}' is not a service name (a letter, then a-z 0-9 -); for a person, add --operator`,
  );
}

function host(value: string, before: readonly string[] = []): readonly string[] {
  const isName = /^(\*\.)?[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/.test(
    value,
  );
  if (isIP(value) === 0 && !(isName && value.length <= 253)) {
    throw new InvalidArgumentError("Write it as ccsp.example.org or 10.0.0.7, without a port.");
  }
  return [...before, value];
}
