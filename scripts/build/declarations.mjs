// The declarations that entry points reach, out of all that the compiler writes: what users can name, and what that names.
// It reads the compiler's own regular output: a statement starts at the first column, and its lines are indented.
import { readFile } from "node:fs/promises";
import { posix } from "node:path";

const DECLARED = /^(?:export )?(?:declare )?(?:abstract )?(?:class|interface|type|function|const|enum) (\w+)/m;
const LOCAL = /^export (?:type )?(\{[^}]+\});$/m;
const FROM = /^(import|export) (type )?(\*|\{[^}]*\}) from "(\.[^"]+)\.js";$/m;

/** @returns texts by file, for the files below `folder` that the entries reach */
export async function reachable(folder, entries) {
  const files = new Map();
  for (const entry of entries) {
    const file = await open(entry);
    for (const statement of file.statements) await keep(file, statement);
  }
  const kept = [...files].filter(([, { statements }]) => statements.some((statement) => statement.kept));
  return new Map(kept.map(([path, file]) => [path, print(file)]));

  async function open(path) {
    if (!files.has(path)) files.set(path, parse(path, await readFile(`${folder}/${path}`, "utf8")));
    return files.get(path);
  }

  async function keep(file, statement) {
    if (statement.kept) return;
    // Imports come along with the names that are used of them
    if (statement.imports) return;
    statement.kept = true;
    if (statement.from) {
      const from = await open(statement.from);
      if (statement.names) for (const { name } of statement.names) await keepName(from, name);
      else for (const other of from.statements) await keep(from, other);
      return;
    }
    for (const word of statement.words) await keepName(file, word);
  }

  async function keepName(file, name) {
    for (const statement of file.statements) {
      if (statement.declares === name) await keep(file, statement);
      const used = statement.names?.find(({ local }) => local === name);
      if (!used) continue;
      if (statement.imports) used.kept = true;
      if (!statement.from) {
        await keep(file, statement);
        continue;
      }
      statement.kept = true;
      await keepName(await open(statement.from), used.name);
    }
  }
}

function parse(path, source) {
  const statements = [];
  let text = "";
  for (const piece of source.split(/^(?=\/\*\*|export|import|declare|interface|type|class)/m)) {
    text += piece;
    const code = text.replace(/\/\*[\s\S]*?\*\//g, "");
    // A comment belongs to what follows, also in the middle of a type
    if (!/[;}]\s*$/.test(code)) continue;
    const [, keyword, typeOnly, list = code.match(LOCAL)?.[1], target] = code.match(FROM) ?? [];
    statements.push({
      text,
      declares: code.match(DECLARED)?.[1],
      words: new Set(code.match(/[A-Za-z_]\w*/g) ?? []),
      from: target && posix.join(posix.dirname(path), `${target}.d.ts`),
      imports: keyword === "import",
      typeOnly,
      target,
      names: list?.startsWith("{") ? list.slice(1, -1).split(",").map(specifier) : undefined,
      kept: false,
    });
    text = "";
  }
  return { statements };
}

function specifier(text) {
  const [name, local = name] = text
    .replace(/^\s*type /, "")
    .trim()
    .split(" as ");
  return { text: text.trim(), name, local, kept: false };
}

function print({ statements }) {
  const parts = statements.flatMap(({ kept, text, imports, names, typeOnly = "", target }) => {
    if (!kept) return [];
    if (!imports) return [text];
    const list = names.filter((name) => name.kept).map((name) => name.text);
    return [`import ${typeOnly}{ ${list.join(", ")} } from "${target}.js";\n`];
  });
  return forEveryLibrary(parts.join(""));
}

/** What declarations name of the host, where a user compiles without the DOM's types or the newest library. */
export function forEveryLibrary(source) {
  const text = source.replace(/\bBufferSource\b/g, "ArrayBufferView | ArrayBuffer");
  const globals = [
    text.includes("WebAssembly.Module") && "  namespace WebAssembly {\n    interface Module {}\n  }\n",
    /\bWorker\b/.test(text) && "  interface Worker {}\n",
  ].filter(Boolean);
  const disposable = text.includes("Symbol.dispose") ? '/// <reference lib="esnext.disposable" />\n' : "";
  return disposable + text + (globals.length > 0 ? `declare global {\n${globals.join("")}}\n` : "");
}
