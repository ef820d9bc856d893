import { describe, expect, test } from 'vitest';
import { compileTemplate } from '../../src/router/template.ts';

const values = { name: 'Ann', town: 'Springfield', 'first name': 'A', odd: '{name}' };

describe('rendering', () => {
  test.each([
    ['Hi {name}', 'Hi Ann'],
    ['{name}{town}', 'AnnSpringfield'],
    ['{ name } and {name}', 'Ann and Ann'],
    ['{first name}', 'A'],
    ['no placeholder', 'no placeholder'],
    ['', ''],
    ['{{name}}', '{name}'],
    ['{{{name}}}', '{Ann}'],
    ['{{}} {{{{', '{} {{'],
    ['a value is not looked into: {odd}', 'a value is not looked into: {name}'],
    ['two\nlines, {name}', 'two\nlines, Ann'],
    ['$& {name} $1', '$& Ann $1'],
  ])('%j', (text, rendered) => {
    expect(compileTemplate(text).render(values)).toBe(rendered);
  });

  test.each<Record<string, string>>([{}, { name: '' }])('a value that is missing: %j', (given) => {
    expect(() => compileTemplate('Hi {name}').render(given)).toThrow('{name}: has no value');
  });

  test('names that every object has are no values', () => {
    expect(() => compileTemplate('{constructor}').render({})).toThrow('{constructor}: has no value');
  });
});

describe('mistakes', () => {
  test.each([
    ['Hi {name', 'text: character 4 "{" has no partner; write {{ for the brace itself'],
    ['Hi name}', 'text: character 8 "}" has no partner; write }} for the brace itself'],
    ['Hi {}', 'text: character 4 names no column; write {name}, or {{}} for the braces'],
    ['Hi {a{b}', 'text: character 4 "{" has no partner; write {{ for the brace itself'],
  ])('%j', (text, error) => {
    expect(() => compileTemplate(text)).toThrow(error);
  });

  test('a placeholder that no column has', () => {
    const template = compileTemplate('{name} {twon} {name}');
    expect(template.placeholders).toEqual(['name', 'twon']);
    expect(() => template.checkColumns(['phone', 'name', 'town'])).toThrow(
      '{twon}: there is no column "twon"; there are "phone", "name", "town"',
    );
    expect(() => template.checkColumns(['twon', 'name'])).not.toThrow();
  });
});
