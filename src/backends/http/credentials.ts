/** The value of an Authorization header by RFC 7617, in UTF-8. */
export function basicAuthorization({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;
}

/** Each secret in the forms in which an answer or error may repeat it, longest first. */
export function secretForms(secrets: readonly string[]): string[] {
  const forms = secrets.flatMap((secret) => [
    secret,
    encodeURIComponent(secret.toWellFormed()),
    new URLSearchParams({ '': secret }).toString().slice(1),
    JSON.stringify(secret).slice(1, -1),
    secret.replace(/^(?:Basic|Bearer) /, ''),
  ]);
  // Anything shorter would blot out ordinary words.
  return [...new Set(forms)]
    .filter((form) => form.length >= 3)
    .sort((one, other) => other.length - one.length);
}

/** Scheme, host and port of an address, and what follows, fit for a request line; no fragment. */
export function splitUrl(url: string): { origin: string; rest: string } {
  const rest = url.replace(/^[a-z]+:\/\/[^/?#]*/i, '').replace(/#.*$/s, '');
  const path = rest.startsWith('/') ? rest : `/${rest}`;
  return {
    origin: new URL(url).origin,
    rest: path.replace(/[^\x21-\x7e]+/gu, (foreign) => encodeURIComponent(foreign.toWellFormed())),
  };
}
