import { describe, expect, it } from 'vitest';
import type { BackendConfig, Config } from '../../src/config/settings.ts';
import type { App } from '../../src/router/app.ts';
import { IncomingMessage } from '../../src/router/message.ts';
import { ScriptedBackend } from '../support/scripted-backend.ts';
import { eventually, openTestYard, type TestYard } from '../support/yard.ts';

const config = (backend: ScriptedBackend, apps: App[]): Config => ({
  backends: { a: { backend, identities: 'any' } as BackendConfig },
  apps,
  worker: { pollSeconds: 0.5, shutdownSeconds: 5 },
});
const phone = (identity = 'phone') => ({ backend: 'a', identity });
const status = async (yard: TestYard, id: string) =>
  (await yard.sql<{ status: string }>('SELECT status FROM messages WHERE id = $1::uuid', [id]))[0]?.status;
const becomes = (yard: TestYard, id: string, letter: string) =>
  eventually(async () => (await status(yard, id)) === letter, { what: `inbound becomes ${letter}` });
const replies = (yard: TestYard, id: string) =>
  yard.sql<{ id: string; text: string; priority: number }>(
    'SELECT * FROM messages WHERE in_response_to_id = $1::uuid ORDER BY id',
    [id],
  );

const answer: App = {
  name: 'answer',
  handle(message) {
    message.respond(`you said ${message.text}`);
    message.error('and that was wrong', { priority: 20 });
    return true;
  },
};

describe('inbound', () => {
  it('commits R, the replies, their jobs and the job’s completion together, and links them', async () => {
    const a = new ScriptedBackend();
    await using yard = await openTestYard(config(a, [answer]));
    const message = await yard.router.receive('hello', phone(), { externalId: 'MO-1' });
    await yard.startWorker();
    await becomes(yard, message.id, 'R');
    const rows = await replies(yard, message.id);
    expect(rows.map((row) => [row.text, row.priority])).toEqual([
      ['you said hello', 10],
      ['and that was wrong', 20],
    ]);
    await eventually(() => a.handed.length === 2);
    expect(a.handed.map((one) => one.context.inResponseTo)).toEqual(['MO-1', 'MO-1']);
    expect(a.handed.map((one) => one.identity)).toEqual(['phone', 'phone']);
    const [transmission] = await yard.sql('SELECT status FROM transmissions WHERE message_id = $1::uuid', [
      message.id,
    ]);
    expect(transmission).toEqual({ status: 'R' });
    const [job] = await yard.sql(`SELECT state::text FROM pgboss.job WHERE name = 'inbound'`);
    expect(job).toEqual({ state: 'completed' });
  });

  it('makes no second reply when its job runs again', async () => {
    const a = new ScriptedBackend();
    await using yard = await openTestYard(config(a, [answer]));
    const message = await yard.router.receive('hello', phone());
    await yard.jobs.enqueueInbound(yard.database, [{ ids: [message.id] }, { ids: [message.id] }]);
    await yard.startWorker();
    await eventually(async () => {
      const [jobs] = await yard.sql<{ left: number }>(
        `SELECT count(*) FILTER (WHERE state <> 'completed')::int AS left FROM pgboss.job WHERE name = 'inbound'`,
      );
      return jobs?.left === 0;
    });
    expect(await replies(yard, message.id)).toHaveLength(2);
  });

  it('marks a message E when an app throws, says which, and goes on with the others', async () => {
    const a = new ScriptedBackend();
    const fragile: App = {
      name: 'fragile',
      handle(message) {
        if (message.text === 'boom') {
          message.respond('must not be sent');
          throw new Error('kaboom');
        }
        message.respond('fine');
        return true;
      },
    };
    await using yard = await openTestYard(config(a, [fragile]));
    const [bad, good] = await Promise.all(
      ['boom', 'ok'].map((text) => yard.router.receive(text, phone(text))),
    );
    await yard.startWorker();
    await becomes(yard, bad!.id, 'E');
    await becomes(yard, good!.id, 'R');
    const [row] = await yard.sql('SELECT error FROM messages WHERE id = $1::uuid', [bad!.id]);
    expect(row).toEqual({ error: 'fragile.handle: kaboom' });
    expect(await replies(yard, bad!.id)).toHaveLength(0);
    expect(await replies(yard, good!.id)).toHaveLength(1);
  });

  it('keeps the messages of one phone in order', async () => {
    const seen: string[] = [];
    const listener: App = {
      name: 'listener',
      async handle(message) {
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
        seen.push(message.text);
      },
    };
    await using yard = await openTestYard(config(new ScriptedBackend(), [listener]));
    const last = await (async () => {
      let message: IncomingMessage | undefined;
      for (let i = 0; i < 20; i++) message = await yard.router.receive(`${i}`, phone());
      return message!;
    })();
    await yard.jobs.complete('inbound', []);
    const ids = (await yard.sql<{ id: string }>('SELECT id FROM messages ORDER BY id')).map((row) => row.id);
    await yard.sql(`DELETE FROM pgboss.job WHERE name = 'inbound'`);
    await yard.jobs.enqueueInbound(yard.database, [{ ids }]);
    await yard.startWorker();
    await becomes(yard, last.id, 'R');
    expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`));
  });

  it('hands apps the caller’s own message class', async () => {
    class Survey extends IncomingMessage {
      get answer() {
        return this.text.toUpperCase();
      }
    }
    const app: App = {
      name: 'survey',
      handle(message) {
        message.respond((message as Survey).answer);
        return true;
      },
    };
    await using yard = await openTestYard(config(new ScriptedBackend(), [app]), { incomingClass: Survey });
    const message = await yard.router.receive('yes', phone());
    expect(message).toBeInstanceOf(Survey);
    await yard.startWorker();
    await becomes(yard, message.id, 'R');
    expect((await replies(yard, message.id))[0]?.text).toBe('YES');
  });

  it('takes messages apart on a second try, so that one that kills its worker does not hold the others', async () => {
    await using yard = await openTestYard(config(new ScriptedBackend(), [answer]));
    const messages = await Promise.all(['a', 'b', 'c'].map((text) => yard.router.receive(text, phone(text))));
    await yard.sql(`DELETE FROM pgboss.job WHERE name = 'inbound'`);
    await yard.jobs.enqueueInbound(yard.database, [{ ids: messages.map((message) => message.id) }]);
    await yard.sql(
      `UPDATE pgboss.job SET retry_count = 1, started_on = now(), state = 'retry' WHERE name = 'inbound'`,
    );
    await yard.startWorker();
    for (const message of messages) await becomes(yard, message.id, 'R');
    const [jobs] = await yard.sql(`SELECT count(*)::int AS n FROM pgboss.job WHERE name = 'inbound'`);
    expect(jobs).toEqual({ n: 4 });
  });

  it('lets the confirmation of an opt-out through, and nothing else', async () => {
    const a = new ScriptedBackend();
    const optOut: App = {
      name: 'opt-out',
      async handle(message) {
        message.respond('You will get nothing more.', { fields: { optOutConfirmation: true } });
        message.respond('An advertisement');
        return true;
      },
    };
    await using yard = await openTestYard(config(a, [optOut]));
    await yard.sql(`INSERT INTO suppressions (identity, scope, reason) VALUES ('phone', '*', 'STOP')`);
    const message = await yard.router.receive('STOP', phone());
    await yard.startWorker();
    await becomes(yard, message.id, 'R');
    await eventually(() => a.handed.length > 0);
    await eventually(async () => (await replies(yard, message.id)).length === 2);
    expect(a.handed.map((one) => one.text)).toEqual(['You will get nothing more.']);
    const rows = await yard.sql<{ text: string; status: string }>(
      'SELECT text, status FROM messages WHERE in_response_to_id = $1::uuid ORDER BY id',
      [message.id],
    );
    expect(rows[1]).toEqual({ text: 'An advertisement', status: 'E' });
  });
});
