import { describe, expect, it } from 'vitest';
import { textyard } from './command-line.ts';

const COMMANDS = [
  'demo',
  'migrate',
  'start',
  'worker',
  'send',
  'receive',
  'status',
  'messages',
  'backends',
  'dead-letters',
  'doctor',
];

describe.concurrent('help and usage', () => {
  it('lists every command at the top', async () => {
    const { code, stdout } = await textyard(['--help']);
    expect(code).toBe(0);
    for (const name of COMMANDS) expect(stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'));
    expect(stdout).toContain('Exit codes:');
  });

  it.each(COMMANDS)('explains %s with examples', async (name) => {
    const { code, stdout, stderr } = await textyard([name, '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain(`Usage: textyard ${name}`);
    expect(stdout).toMatch(/Examples:\n {2}\$ /);
    if (name !== 'dead-letters') expect(stdout).toContain('--json');
    expect(stderr).toBe('');
  });

  it.each([
    ['backends', 'pause'],
    ['backends', 'resume'],
    ['dead-letters', 'list'],
    ['dead-letters', 'redrive'],
  ])('explains %s %s', async (...names) => {
    const { code, stdout } = await textyard([...names, '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain(`Usage: textyard ${names.join(' ')}`);
    expect(stdout).toContain('--json');
    expect(stdout).toContain('Examples:');
  });

  it('prints the version', async () => {
    expect(await textyard(['--version'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });

  it.each([
    [['nope'], /unknown command 'nope'/],
    [['status', '--bogus'], /unknown option '--bogus'/],
    [['send'], /'--text <text>' not specified/],
    [['send', '--text', 'x'], /give --to NUMBER or --csv FILE/],
    [['send', '--text', 'x', '--to', '1', '--csv', 'f'], /exclude each other/],
    [['send', '--text', 'x', '--to', '1', '--at', 'tomorrow'], /ISO time/],
    [['send', '--text', 'x', '--to', '1', '--valid-for', '0'], /above 0/],
    [['messages', '--limit', '-1'], /whole number above 0/],
    [['messages', '--status', 'X'], /Q P S D E R/],
    [['status', 'abc'], /It is no id/],
    [['dead-letters', 'redrive'], /--all, or --backend, --code, --ids/],
  ])('says in one line what is wrong with %j', async (args, expected) => {
    const { code, stdout, errors } = await textyard(args);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(errors).toEqual([expect.stringMatching(/^textyard: /)]);
    expect(errors[0]).toMatch(expected);
  });
});
