/**
 * Checks the rules of the layout: who may import whom, no circles, which folders may use which
 * packages, no catch-all names, no overlong files. Prints `file:line: rule` and exits with 1.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Violation {
  readonly file: string;
  readonly line: number;
  readonly rule: string;
}

interface Import {
  readonly specifier: string;
  readonly line: number;
}

interface Source {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

/** From the bottom up: a part may import parts of its own layer and of those below. */
const LAYERS: readonly (readonly string[])[] = [
  ['sms', 'errors.ts'],
  ['backends', 'store', 'jobs'],
  ['router'],
  ['apps', 'config', 'worker', 'http', 'facades', 'assignments'],
  ['main.ts', 'cli', 'index.ts'],
];

/** Where the layer alone would allow more than is right. */
const ONLY_FROM: Readonly<Record<string, readonly string[]>> = {
  sms: ['sms'],
  'errors.ts': ['sms'],
  backends: ['backends', 'sms', 'errors.ts'],
};

/** Packages that one folder hides from all others. */
const HIDDEN_PACKAGES: readonly { pattern: RegExp; folder: string }[] = [
  { pattern: /^pg(\/|$|-(?!boss))/, folder: 'store' },
  { pattern: /^@prisma\//, folder: 'store' },
  { pattern: /^pg-boss(\/|$)/, folder: 'jobs' },
];

const RAW_SQL = /\$(queryRaw|executeRaw)(Unsafe|Typed)?\b/;
const CATCH_ALL = /^(common|utils?|helpers?)(\.|$)/;
const LONGEST_FILE = 330;
const SAYS_WHY_IT_IS_LONG = /\blong(er)?\b[\s\S]*\bbecause\b/i;

/** Every violation under a project's folder, in the order of the files. */
export function checkImports(root: string): Violation[] {
  const violations: Violation[] = [];
  const sources = new Map<string, Source>();
  for (const folder of ['src', 'test', 'scripts']) {
    for (const path of filesUnder(root, folder)) {
      if (path.split('/').some((part) => CATCH_ALL.test(part))) {
        violations.push({
          file: path,
          line: 1,
          rule: 'no file or folder is called common, utils or helpers',
        });
      }
      if (folder !== 'src') continue;
      const text = readFileSync(join(root, path), 'utf8');
      sources.set(path, { path, text, imports: importsOf(text) });
    }
  }
  for (const source of sources.values()) {
    violations.push(...checkLength(source), ...checkSql(source), ...checkEach(source, sources));
  }
  violations.push(...findCircles(sources));
  return violations.sort((a, b) => a.file.localeCompare(b.file) || a.line - b.line);
}

function checkEach(source: Source, sources: ReadonlyMap<string, Source>): Violation[] {
  const violations: Violation[] = [];
  const from = partOf(source.path);
  const report = (line: number, rule: string) => violations.push({ file: source.path, line, rule });
  if (layerOf(from) === -1)
    report(1, `src/${from} belongs to no layer; give it one in scripts/check-imports.ts`);

  for (const { specifier, line } of source.imports) {
    if (!specifier.startsWith('.')) {
      const hidden = HIDDEN_PACKAGES.find(({ pattern }) => pattern.test(specifier));
      if (hidden !== undefined && from !== hidden.folder) {
        report(line, `only src/${hidden.folder} imports ${specifier}`);
      }
      continue;
    }
    const target = targetOf(source.path, specifier);
    if (!target.startsWith('src/')) {
      // The package's own manifest holds its version.
      if (target !== 'package.json') report(line, `src does not import ${target}`);
      continue;
    }
    if (!/\.(ts|json)$/.test(specifier)) report(line, `"${specifier}" must end in .ts`);
    else if (specifier.endsWith('.ts') && !sources.has(target) && !isGenerated(target)) {
      report(line, `there is no ${target}`);
    }
    const to = partOf(target);
    const allowed = ONLY_FROM[from];
    if (allowed !== undefined ? !allowed.includes(to) : layerOf(to) > layerOf(from)) {
      report(line, `${from} must not import ${to}`);
    }
  }
  return violations;
}

function checkLength({ path, text }: Source): Violation[] {
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
  if (lines <= LONGEST_FILE) return [];
  const top = text.split('\n').slice(0, 12).join('\n');
  if (SAYS_WHY_IT_IS_LONG.test(top)) return [];
  const rule = `${lines} lines; over ${LONGEST_FILE} its first lines must say that it is long because …`;
  return [{ file: path, line: LONGEST_FILE + 1, rule }];
}

function checkSql({ path, text }: Source): Violation[] {
  if (partOf(path) === 'store') return [];
  return text
    .split('\n')
    .flatMap((line, index) =>
      RAW_SQL.test(line) && !isComment(line)
        ? [{ file: path, line: index + 1, rule: 'only src/store issues SQL' }]
        : [],
    );
}

/** Reports each circle once, at the import that closes it. Type-only imports count. */
function findCircles(sources: ReadonlyMap<string, Source>): Violation[] {
  const violations: Violation[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: string[]) => {
    const source = sources.get(path);
    if (source === undefined || done.has(path)) return;
    for (const { specifier, line } of source.imports) {
      if (!specifier.startsWith('.')) continue;
      const target = targetOf(path, specifier);
      const at = [...trail, path].indexOf(target);
      if (at === -1) {
        visit(target, [...trail, path]);
        continue;
      }
      const circle = [...[...trail, path].slice(at), target].map((one) => one.slice('src/'.length));
      violations.push({ file: path, line, rule: `circle: ${circle.join(' -> ')}` });
    }
    done.add(path);
  };
  for (const path of sources.keys()) visit(path, []);
  return violations;
}

/**
 * Static, dynamic and type imports, and re-exports. Text patterns are enough: the formatter puts
 * every import statement at the start of a line.
 */
function importsOf(text: string): Import[] {
  const found: Import[] = [];
  const patterns = [
    /^(?:import|export)\s+(?:type\s+)?[\w$*{}\s,]*?\bfrom\s+['"]([^'"]+)['"]/gm,
    /^[ \t]*\}\s*from\s+['"]([^'"]+)['"]/gm,
    /^import\s+['"]([^'"]+)['"]/gm,
    /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g,
  ];
  for (const pattern of patterns) {
    for (const match of text.matchAll(pattern)) {
      const end = match.index + match[0].length;
      const line = text.slice(0, end).split('\n').length;
      const start = text.lastIndexOf('\n', end - 1) + 1;
      if (isComment(text.slice(start, end))) continue;
      if (!found.some((one) => one.line === line && one.specifier === match[1])) {
        found.push({ specifier: match[1]!, line });
      }
    }
  }
  return found.sort((a, b) => a.line - b.line);
}

function isComment(line: string): boolean {
  return /^\s*(\/\/|\/?\*)/.test(line);
}

function filesUnder(root: string, folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .filter((path) => !isGenerated(path))
    .sort();
}

/** Prisma's client is written by Prisma. */
function isGenerated(path: string): boolean {
  return path.startsWith('src/store/generated/');
}

function targetOf(from: string, specifier: string): string {
  return relative('/', resolve('/', dirname(from), specifier)).replaceAll('\\', '/');
}

/** The folder or file right under src. */
function partOf(path: string): string {
  return path.split('/')[1] ?? path;
}

function layerOf(part: string): number {
  return LAYERS.findIndex((layer) => layer.includes(part));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const violations = checkImports(resolve(process.argv[2] ?? '.'));
  for (const { file, line, rule } of violations) console.error(`${file}:${line}: ${rule}`);
  if (violations.length > 0) process.exitCode = 1;
}
