import { accessOf } from "@ccsp/protos/access.js";
import { commentOf, fieldsOf, methodNamed } from "@ccsp/protos/descriptor.js";
import type { Json } from "@ccsp/protos/json.js";
import { fieldSchema, messageSchemas, type SchemaOptions } from "@ccsp/protos/json-schema.js";
import { PROBLEM_SCHEMA } from "../http/problem.js";
import { EVENTS } from "./event-stream.js";
import { lastPart, pathFields } from "./request.js";
import { NOT_YET, ROUTES, type Route } from "./routes.js";
import { rpcsOf } from "./rpc.js";

const SCHEMAS = "#/components/schemas/";
const OUTPUT: SchemaOptions = { under: SCHEMAS, strict: true };
/** Requests and answers share messages, but in a request every field may be absent. */
const INPUT: SchemaOptions = { under: SCHEMAS, input: true, nameOf: (typeName) => `${typeName}.Input` };

const ref = (name: string): Json => ({ $ref: `${SCHEMAS}${name}` });
const text: Json = { type: "string" };
const header = (description: string): Json => ({ description, schema: text });

/** The description of REST in OpenAPI 3.1, made from the table of routes and from the protos. */
export function openApi(): Json {
  const rpcs = ROUTES.flatMap(rpcsOf).map(methodNamed);
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of ROUTES) {
    const path = shownPath(route);
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  for (const { path, missing } of NOT_YET) {
    const named = { "501": problemAnswer(missing), ...refusals([401, 403, 429]) };
    const responses: Json = { ...named, default: problemAnswer("Every other refusal") };
    paths[path] = { get: { summary: "Not there yet", description: missing, tags: [tagOf(path)], responses } };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "CCSP",
      version: "2",
      description: DESCRIPTION,
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/api/v2" }],
    security: [{ bearer: [] }, { session: [] }],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", description: "A token or an API key" },
        session: { type: "apiKey", in: "cookie", name: "ccsp_session", description: "The cookie of the dashboard" },
      },
      schemas: {
        Problem: PROBLEM_SCHEMA,
        ...messageSchemas(
          rpcs.map(({ output }) => output.typeName),
          OUTPUT,
        ),
        ...messageSchemas(
          rpcs.map(({ input }) => input.typeName),
          INPUT,
        ),
      },
      responses: Object.fromEntries(
        Object.entries(REFUSALS).map(([code, description]) => [`Problem${code}`, problemAnswer(description)]),
      ),
    },
  };
}

const DESCRIPTION =
  "The JSON form of the messages of AgentService and OperatorService. The scopes of the caller decide whose tasks a " +
  "path is about: with those of OperatorService those of all agents, else the caller's own. A newer CCSP may have more " +
  "words for an enum. While an installation is upgraded, a word that this gateway does not know is its number. An " +
  "integer above 2^53 is a text; CCSP counts nothing that far.";

const shownPath = (route: Pick<Route, "path">): string =>
  route.path.replaceAll(/\{([\w.]+)\}/g, (_, field: string) => `{${lastPart(field)}}`);

const tagOf = (path: string): string => path.split("/")[1] ?? "";

/** A name of its own for each operation: `watchTask`, and `watchTaskLog` for the second path of that RPC. */
function operationId(route: Route): string {
  const name = methodNamed(rpcsOf(route)[0] ?? "").localName;
  return route.kind === "log" ? `${name}Log` : name;
}

function operation(route: Route): Json {
  const paths = rpcsOf(route);
  const comment = commentOf(methodNamed(paths[0] ?? ""));
  const [summary = ""] = comment.split(/(?<=\.)\s/, 1);
  const scopes = paths.map((path) => `\`${accessOf(path)?.scopes.join("` `") ?? ""}\``.replace("``", "none"));
  return {
    operationId: operationId(route),
    summary: summary.replaceAll("\n", " "),
    description: `${comment}\n\nScopes: ${scopes.join(", or for the caller's own tasks ")}.`,
    tags: [tagOf(route.path)],
    "x-ccsp-rpcs": paths,
    parameters: parameters(route, paths),
    ...(hasBody(route) && { requestBody: requestBody(paths) }),
    responses: responses(route, paths),
  };
}

const hasBody = ({ method }: Route): boolean => method === "POST" || method === "PUT";

function parameters(route: Route, paths: readonly string[]): Json[] {
  const inPath = pathFields(route);
  const own: Json[] = inPath.map((field) => ({ name: lastPart(field), in: "path", required: true, schema: text }));
  const [first = "", ...others] = paths.map((path) => methodNamed(path).input.typeName);
  if (!hasBody(route)) {
    const always = new Set(others.flatMap((typeName) => queryParameters(typeName, "").map(([name]) => name)));
    for (const [name, parameter] of queryParameters(first, "")) {
      // A log is always until now.
      if (inPath.includes(name) || (route.kind === "log" && name === "untilNow")) continue;
      const limited = others.length > 0 && !always.has(name);
      own.push({ ...parameter, ...(limited && { description: "Only with the scopes of OperatorService" }) });
    }
  }
  if (fieldsOf(first).some(({ jsonName }) => jsonName === "requestId"))
    own.push({ name: "Idempotency-Key", in: "header", description: "The same as the field `requestId`", schema: text });
  if (route.kind === "events" && fieldsOf(first).some(({ jsonName }) => jsonName === "afterSequence"))
    own.push({
      name: "Last-Event-ID",
      in: "header",
      description: "The id of the last event that the caller has",
      schema: text,
    });
  if (route.method === "GET" && route.kind === undefined)
    own.push({
      name: "If-None-Match",
      in: "header",
      description: "The ETag of an answer that the caller has",
      schema: text,
    });
  return own;
}

/** The fields of a request as parameters of a query, by their names. */
function queryParameters(typeName: string, prefix: string): (readonly [string, Readonly<Record<string, Json>>])[] {
  return fieldsOf(typeName).flatMap((field) => {
    const name = `${prefix}${field.jsonName}`;
    const isNested = field.fieldKind === "message" && !field.message.typeName.startsWith("google.protobuf.");
    if (isNested) return queryParameters(field.message.typeName, `${name}.`);
    const description = `\`${name}[KEY]=VALUE\`, or \`${name}.KEY=VALUE\``;
    const map = field.fieldKind === "map" && { style: "deepObject", explode: true, description };
    return [[name, { name, in: "query", schema: fieldSchema(field, INPUT), ...map }] as const];
  });
}

function requestBody(paths: readonly string[]): Json {
  const schemas = paths.map((path) => ref(`${methodNamed(path).input.typeName}.Input`));
  return { content: { "application/json": { schema: oneOrAny(schemas) } } };
}

const oneOrAny = (schemas: readonly Json[]): Json => (schemas.length === 1 ? (schemas[0] ?? {}) : { anyOf: schemas });

function responses(route: Route, paths: readonly string[]): Json {
  const schema = oneOrAny(paths.map((path) => ref(methodNamed(path).output.typeName)));
  const failures = {
    ...refusals(refusalsOf(route)),
    default: problemAnswer("Every other refusal, with the reason of gRPC if it has one"),
  };
  if (route.kind === "events") {
    const description = `Server-sent events until \`${EVENTS.end.split("\n", 1)[0]}\`. An event \`problem\` ends the stream early.`;
    return { "200": { description, content: { "text/event-stream": { schema: text } } }, ...failures };
  }
  if (route.kind === "lines") {
    const content = { "text/csv": { schema: text }, "application/x-ndjson": { schema: text } };
    return { "200": { description: "The lines, in the `format` of the query", content }, ...failures };
  }
  if (route.kind === "log") {
    const list: Json = { type: "array", items: ref("ccsp.task.v1.TaskEvent") };
    const content = { "application/json": { schema: list } };
    return { "200": { description: "The entries so far", headers: { Link: LINK }, content }, ...failures };
  }
  const answer = { description: "The answer", headers: headersOf(route), content: { "application/json": { schema } } };
  const unchanged = route.method === "GET" && { "304": { description: "The caller has this answer" } };
  return { [route.kind === "created" ? "201" : "200"]: answer, ...unchanged, ...failures };
}

/** The refusals that a description names, by their status. */
const REFUSALS = {
  400: "A field is wrong: `fields` names each",
  401: "The caller has not proven its identity",
  403: "The caller lacks a scope",
  404: "What the path names does not exist, or the caller may not see it",
  406: "The caller takes no answer of this media type",
  409: "The request is right, and the state is against it",
  413: "The body is too large",
  415: "The body is not JSON",
  429: "A limit is reached",
} as const;
type RefusalStatus = keyof typeof REFUSALS;

function refusalsOf(route: Route): RefusalStatus[] {
  const inPath: RefusalStatus[] = pathFields(route).length > 0 ? [404] : [];
  const changes: RefusalStatus[] = route.method === "GET" ? [] : [409];
  const withBody: RefusalStatus[] = hasBody(route) ? [413, 415] : [];
  return [400, 401, 403, ...inPath, 406, ...changes, ...withBody, 429];
}

const refusals = (codes: readonly RefusalStatus[]): Record<string, Json> =>
  Object.fromEntries(codes.map((code) => [String(code), { $ref: `#/components/responses/Problem${code}` }]));

const LINK = header('The next page, with `rel="next"`');

function headersOf({ method }: Route): Record<string, Json> {
  const limits = {
    RateLimit: header("What is left of the limit"),
    "RateLimit-Policy": header("The limit of requests"),
  };
  return { ...limits, ...(method === "GET" && { ETag: header("Names this answer"), Link: LINK }) };
}

function problemAnswer(description: string): Json {
  const headers: Json = { "Retry-After": header("Seconds after which the same call may succeed") };
  return { description, headers, content: { "application/problem+json": { schema: ref("Problem") } } };
}
