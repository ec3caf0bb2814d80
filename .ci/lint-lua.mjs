// Lints every Lua script. It reports: syntax that is not Lua 5.1 (the version of Redis), names without a definition,
// writes to globals, locals that are never read, locals that hide another local of the same block, and what may give
// Redis a -0: a minus sign before anything but a number in the arguments of a command. Redis before 7.2 reads the -0 of
// Lua as "-0", which is no integer for it. `0 - x` has no such result. A file in a folder below a `lua/` is a part. Parts are put before the scripts of that `lua/`, so all files there know the parts'
// top-level locals.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import luaparse from "luaparse";

// The names from https://redis.io/docs/latest/develop/programmability/lua-api/#runtime-libraries, except those that no
// script should need.
const REDIS = new Set([
  ...["redis", "KEYS", "ARGV", "cjson", "cmsgpack", "bit", "struct", "string", "table", "math", "os"],
  ...["ipairs", "pairs", "next", "pcall", "error", "assert", "select", "tonumber", "tostring", "type", "unpack"],
]);

const listed = execFileSync("git", [
  "ls-files",
  "-z",
  "--cached",
  "--others",
  "--exclude-standard",
  "*.lua",
]).toString();
const sets = Map.groupBy(listed.split("\0").filter(Boolean), (file) => file.replace(/(^|\/)lua\/.*$/, "$1lua/"));
const findings = [...sets].flatMap(([folder, files]) => lintSet(folder, files));
for (const finding of findings) console.log(finding);
if (sets.size === 0) throw new Error("no script was found");
process.exit(findings.length === 0 ? 0 : 1);

function lintSet(folder, files) {
  const faults = [];
  const read = files.flatMap((file) => {
    try {
      return [{ file, isPart: file.slice(folder.length).includes("/"), ...readNames(parse(file)) }];
    } catch (error) {
      faults.push(`${file}: ${error.message}`);
      return [];
    }
  });
  const shared = new Set(read.filter(({ isPart }) => isPart).flatMap(({ top }) => [...top.keys()]));
  const wanted = new Set(read.flatMap(({ free }) => free.map(({ name }) => name)));
  for (const { file, isPart, top, unread, hidden, free, written, negated } of read) {
    const at = ({ name, loc }, what) => faults.push(`${file}:${loc.start.line}: ${what} ${name}`);
    for (const node of written) at(node, "writes the global");
    for (const node of free) if (!REDIS.has(node.name) && !shared.has(node.name)) at(node, "nothing defines");
    for (const { loc } of negated) {
      faults.push(
        `${file}:${loc.start.line}: a minus sign before a value that Redis gets: write 0 - x, which is never -0`,
      );
    }
    for (const node of hidden) at(node, "defines again in one block");
    for (const node of unread) {
      const isShared = isPart && top.get(node.name) === node && wanted.has(node.name);
      if (!isShared && !node.name.startsWith("_")) at(node, "nothing reads");
    }
  }
  return faults;
}

function parse(file) {
  return luaparse.parse(readFileSync(file, "utf8"), { luaVersion: "5.1", locations: true, comments: false });
}

function isCommand({ type, base, identifier }) {
  return type === "MemberExpression" && base.name === "redis" && ["call", "pcall"].includes(identifier.name);
}

/** Finds the locals and globals of a file: where they are defined and how they are used. */
function readNames(chunk) {
  const found = { top: new Map(), unread: new Set(), hidden: [], free: [], written: [], negated: [] };
  const scopes = [];
  let inCommand = false;
  const define = (node) => {
    const scope = scopes.at(-1);
    if (scope.has(node.name) && !node.name.startsWith("_")) found.hidden.push(node);
    scope.set(node.name, node);
    found.unread.add(node);
  };
  const resolve = (name) => scopes.findLast((scope) => scope.has(name))?.get(name);
  const inScope = (names, body, after) => {
    scopes.push(new Map());
    names.filter(({ type }) => type === "Identifier").forEach(define);
    // Parameters and loop variables count as read. A parameter may exist because the caller passes it, and a loop's key
    // is often unused.
    names.forEach((node) => found.unread.delete(node));
    body.forEach(visit);
    after?.();
    scopes.pop();
  };
  const visit = (node) => {
    if (Array.isArray(node)) return node.forEach(visit);
    if (node === null || typeof node !== "object" || typeof node.type !== "string") return undefined;
    return (VISIT[node.type] ?? visitAll)(node);
  };
  const visitAll = (node) => Object.values(node).forEach(visit);
  const VISIT = {
    Identifier: (node) => {
      const local = resolve(node.name);
      if (local) found.unread.delete(local);
      else found.free.push(node);
    },
    MemberExpression: ({ base }) => visit(base),
    CallExpression: ({ base, arguments: given }) => {
      visit(base);
      const outside = inCommand;
      inCommand ||= isCommand(base);
      visit(given);
      inCommand = outside;
    },
    UnaryExpression: (node) => {
      if (inCommand && node.operator === "-" && node.argument.type !== "NumericLiteral") found.negated.push(node);
      visit(node.argument);
    },
    TableKeyString: ({ value }) => visit(value),
    LocalStatement: ({ variables, init }) => {
      visit(init);
      variables.forEach(define);
    },
    AssignmentStatement: ({ variables, init }) => {
      visit(init);
      for (const target of variables) {
        if (target.type !== "Identifier") visit(target);
        else if (!resolve(target.name)) found.written.push(target);
      }
    },
    FunctionDeclaration: ({ identifier, isLocal, parameters, body }) => {
      if (isLocal) define(identifier);
      else if (identifier?.type === "Identifier" && !resolve(identifier.name)) found.written.push(identifier);
      else visit(identifier);
      inScope(parameters, body);
    },
    ForNumericStatement: ({ variable, start, end, step, body }) => {
      visit([start, end, step]);
      inScope([variable], body);
    },
    ForGenericStatement: ({ variables, iterators, body }) => {
      visit(iterators);
      inScope(variables, body);
    },
    RepeatStatement: ({ body, condition }) => inScope([], body, () => visit(condition)),
    WhileStatement: ({ condition, body }) => {
      visit(condition);
      inScope([], body);
    },
    DoStatement: ({ body }) => inScope([], body),
    IfStatement: ({ clauses }) => {
      for (const { condition, body } of clauses) {
        visit(condition);
        inScope([], body);
      }
    },
  };
  scopes.push(found.top);
  visit(chunk.body);
  return found;
}
