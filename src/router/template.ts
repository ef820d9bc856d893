import { TextyardError } from '../errors.ts';

/** A text with placeholders, ready to be filled in many times. */
export interface Template {
  /** The names in it, each once, in order. */
  readonly placeholders: readonly string[];
  /** Fills it in. A value that is missing or empty is a mistake: nobody wants to read "Hi ,". */
  render(values: Readonly<Record<string, string>>): string;
  /** Checks that every placeholder is among the columns, before the first row is read. */
  checkColumns(columns: readonly string[]): void;
}

/**
 * Takes a text such as `Hi {name}` apart. `{{` and `}}` stand for the braces themselves.
 *
 * @throws TextyardError naming the place, when the braces do not match
 */
export function compileTemplate(text: string): Template {
  /** Literal texts at the even places, names at the odd ones. */
  const parts: string[] = [''];
  for (const match of text.matchAll(/\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+/g)) {
    const [token, name] = match;
    if (name !== undefined) {
      if (name.trim() === '')
        throw malformed(match.index, 'names no column; write {name}, or {{}} for the braces');
      parts.push(name.trim(), '');
    } else if (token === '{' || token === '}') {
      throw malformed(match.index, `"${token}" has no partner; write ${token}${token} for the brace itself`);
    } else {
      const literal = token === '{{' || token === '}}' ? token.slice(1) : token;
      parts.push(parts.pop() + literal);
    }
  }
  const placeholders = [...new Set(parts.filter((_, index) => index % 2 === 1))];

  return {
    placeholders,
    render(values) {
      let filled = parts[0]!;
      for (let index = 1; index < parts.length; index += 2) {
        const name = parts[index]!;
        const value = Object.hasOwn(values, name) ? values[name]! : '';
        if (value === '') {
          throw new TextyardError('invalid', `{${name}}: has no value`, { field: name });
        }
        filled += value + parts[index + 1]!;
      }
      return filled;
    },
    checkColumns(columns) {
      const unknown = placeholders.find((name) => !columns.includes(name));
      if (unknown === undefined) return;
      const listed = columns.map((name) => `"${name}"`).join(', ') || 'none';
      throw new TextyardError(
        'invalid',
        `{${unknown}}: there is no column "${unknown}"; there are ${listed}`,
        {
          field: unknown,
        },
      );
    },
  };
}

function malformed(index: number, what: string): TextyardError {
  return new TextyardError('invalid', `text: character ${index + 1} ${what}`, { field: 'text' });
}
