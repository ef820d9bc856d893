/** What the pages point to exists: files, headings, commands, scripts. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { anchorsOf, PAGES, page, proseOf, ROOT, tableBelow } from './pages.ts';

const run = promisify(execFile);

describe.each(PAGES)('$path', (one) => {
  test('has no link that leads nowhere', () => {
    const broken: string[] = [];
    for (const [, target = ''] of proseOf(one).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [file = '', anchor] = target.split('#');
      const path = file === '' ? one.path : relative(ROOT, join(ROOT, dirname(one.path), file));
      if (!existsSync(join(ROOT, path))) broken.push(target);
      else if (anchor !== undefined && !anchorsOf(page(path)).has(anchor)) broken.push(target);
    }
    expect(broken).toEqual([]);
  });

  test('names only files that are there', () => {
    const named = [...one.text.matchAll(/`((?:src|test|scripts|prisma|docs)\/[\w./-]+\.\w+)`/g)].map(
      (match) => match[1] ?? '',
    );
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  test('names only code that is there', () => {
    const wrong: string[] = [];
    for (const [, names = '', file = ''] of one.text.matchAll(
      /((?:`[\w.]+`(?:, | and )?)+) in `((?:src|test)\/[\w./-]+\.ts)`/g,
    )) {
      const code = readFileSync(join(ROOT, file), 'utf8');
      for (const name of names.match(/[\w.]+(?=`)/g) ?? []) {
        if (!code.includes(name.split('.').at(-1) ?? '')) wrong.push(`${name} in ${file}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('names only npm scripts that are there', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const named = [...one.text.matchAll(/\bnpm (?:run (?:-s )?([a-z:-]+)|(?:test|start)\b)/g)].map(
      ([call, name]) => name ?? call.slice(4),
    );
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});

describe('commands', () => {
  test('the README lists those that there are, in their words', { timeout: 60_000 }, async () => {
    const { stdout } = await textyard('--help');
    const listed = tableBelow(page('README.md'), 'Commands').map(
      ([name = '', what]) => `${name.replace(/`|textyard /g, '')}: ${what}`,
    );
    const commands = stdout.slice(stdout.indexOf('Commands:'), stdout.indexOf('\n\nExamples'));
    const there = commands
      .replace(/\n {6,}/g, ' ')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().replace(/\s{2,}/, ': '))
      .filter((line) => !line.startsWith('help'));
    expect(listed.toSorted()).toEqual(there.map((line) => line.replace(/\s+/g, ' ')).toSorted());
  });

  test('the options in the pages are known to their commands', { timeout: 120_000 }, async () => {
    const used = new Map<string, Set<string>>();
    for (const { text } of PAGES) {
      const calls = /(?:textyard(?: --)?|npm run(?: textyard --)?) ((?:[a-z-]+ ?){1,2})((?:[^`\n|;#]*))/g;
      for (const [, words = '', rest = ''] of text.matchAll(calls)) {
        const [command = '', sub = ''] = words.trim().split(' ');
        const options = rest.match(/(?<=\s|^)--[a-z-]+/g) ?? [];
        const key = ['backends', 'dead-letters'].includes(command) ? `${command} ${sub}`.trim() : command;
        const known = used.get(key) ?? new Set();
        used.set(key, known);
        for (const option of options) known.add(option);
      }
    }
    const wrong: string[] = [];
    for (const [command, options] of used) {
      if (options.size === 0) continue;
      const asked = TOOLS.includes(command)
        ? tool(command, '--help')
        : textyard(...command.split(' '), '--help');
      const { stdout } = await asked.catch(() => ({ stdout: '' }));
      for (const option of options) if (!stdout.includes(option)) wrong.push(`${command} ${option}`);
    }
    expect(wrong).toEqual([]);
    expect([...used.keys()]).toContain('dead-letters redrive');
  });
});

/** npm scripts with options of their own. */
const TOOLS = ['bench', 'chaos', 'soak'];

function tool(name: string, ...call: string[]) {
  return run(process.execPath, [join(ROOT, 'scripts', name, 'main.ts'), ...call]);
}

function textyard(...call: string[]) {
  return run(process.execPath, [join(ROOT, 'src/cli/textyard.ts'), ...call], {
    env: { ...process.env, COLUMNS: '200' },
  });
}
