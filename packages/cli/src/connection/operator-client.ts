import { readFileSync } from "node:fs";
import {
  CallError,
  type CallOptions,
  type Client,
  type Connection,
  channelTls,
  connectionFault,
  createClient,
  neverConnected,
  type ServiceShape,
  whyUnreachable,
} from "@ccsp/grpc-kit/client.js";
import { OperatorServiceService } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import { CliError, EXIT } from "../process/exit.js";
import type { Gateway } from "./connection.js";

/** The gateway, for calls of people who operate an installation. */
export type Operator = Client<OperatorServiceService> & Connection;

// For a single answer, a person should get an error message soon.
const ANSWER_MS = 5_000;

/** Opens a client for operators' calls, passes it to `use`, and closes it. */
export async function callAsOperator<T>(gateway: Gateway, use: (operator: Operator) => Promise<T>): Promise<T> {
  const { target, tls } = gateway;
  const client = createClient(OperatorServiceService, target, {
    timeoutMs: ANSWER_MS,
    ...(tls && { credentials: channelTls(() => (tls.caFile === undefined ? {} : { ca: readFileSync(tls.caFile) })) }),
  });
  const reachable = () =>
    client.reachable().catch(async (error: unknown) => {
      throw await notReached(target, error);
    });
  try {
    return await use({ ...client, ...withBearer(OperatorServiceService, client, gateway), reachable });
  } catch (error) {
    if (isTooOld(error)) throw tooOld(target);
    throw neverConnected(error) ? await notReached(target, error) : error;
  } finally {
    client.close();
  }
}

/** The same methods. Each call carries the token as it is then: a stream may open again long after the first one. */
function withBearer<D extends ServiceShape>(definition: D, plain: object, gateway: Gateway): Client<D> {
  const proven = async (call: CallOptions | undefined): Promise<CallOptions> => ({
    ...call,
    metadata: { authorization: `Bearer ${await tokenOf(gateway)}` },
  });
  const methods: Record<string, unknown> = {};
  for (const [name, { responseStream }] of Object.entries(definition)) {
    const method = Reflect.get(plain, name);
    methods[name] = responseStream
      ? async function* (request: object, call?: CallOptions) {
          yield* method(request, await proven(call));
        }
      : async (request: object, call?: CallOptions) => method(request, await proven(call));
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made in a loop over D's own methods
  return methods as Client<D>;
}

async function tokenOf({ token }: Gateway): Promise<string> {
  const value = typeof token === "string" ? token : await token();
  if (/^[\x21-\x7e]+$/.test(value)) return value;
  // A message of gRPC about a value that cannot be sent would contain the token.
  throw new CliError(EXIT.denied, "the token has characters that are not allowed, such as a line break");
}

/** Status code of gRPC for a method that the server does not have. */
const UNIMPLEMENTED = 12;

function isTooOld(error: unknown): boolean {
  const code: number | undefined = error instanceof CallError ? error.code : undefined;
  return code === UNIMPLEMENTED;
}

const notReached = async (target: string, error: unknown): Promise<CliError> =>
  new CliError(
    EXIT.unavailable,
    `no gateway could be reached at ${await whyUnreachable(target, connectionFault(error))}`,
  );

const tooOld = (target: string): CliError =>
  new CliError(
    EXIT.failed,
    `the gateway at ${target} is of release 0.2.0 or older and takes no commands of operators: upgrade it first`,
  );
