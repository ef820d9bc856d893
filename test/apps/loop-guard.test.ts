import { describe, expect, test } from 'vitest';
import { echo, loopGuard, testPhone } from '../../src/apps/index.ts';
import { runIncoming, startApps } from '../../src/router/phases.ts';

describe('loop guard', () => {
  test('answers the first five identical texts within an hour, then no more', async () => {
    const phone = await testPhone([loopGuard(), echo()]);
    const outcomes: string[] = [];
    for (let i = 0; i < 7; i++) {
      const { replies, outcome } = await phone.send('I am away.');
      outcomes.push(`${outcome} ${replies.length}`);
    }
    expect(outcomes).toEqual([...Array(5).fill('received 1'), ...Array(2).fill('filtered 0')]);
  });

  test('notes why', async () => {
    const phone = await testPhone([loopGuard({ limit: 1 }), echo()]);
    await phone.send('hi');
    const { message } = await phone.send('hi');
    expect(message.fields.filtered).toEqual({
      by: 'loop guard',
      reason: 'identical texts within 3600 s before this one: 1',
    });
  });

  test('case and surrounding space make no other text', async () => {
    const phone = await testPhone([loopGuard({ limit: 1 }), echo()]);
    await phone.send('hi');
    expect((await phone.send(' HI\n')).outcome).toBe('filtered');
  });

  test('another text from the same phone is answered', async () => {
    const phone = await testPhone([loopGuard({ limit: 1 }), echo()]);
    await phone.send('hi');
    expect((await phone.send('hi')).outcome).toBe('filtered');
    expect((await phone.send('ho')).replies).toEqual(['ho']);
  });

  test('another phone is not counted along', async () => {
    const phone = await testPhone([loopGuard({ limit: 1 }), echo()]);
    const other = await testPhone([], { identity: '+12025550199' });
    phone.services.history.record((await other.send('hi')).message);
    phone.services.history.record((await other.send('hi')).message);
    expect((await phone.send('hi')).outcome).toBe('received');
  });

  test('after the time they are answered again', async () => {
    let now = new Date('2026-01-01T12:00:00Z');
    const phone = await testPhone([loopGuard({ limit: 2, withinSeconds: 60 }), echo()], { now: () => now });
    await phone.send('hi');
    await phone.send('hi');
    expect((await phone.send('hi')).outcome).toBe('filtered');
    now = new Date('2026-01-01T12:01:01Z');
    expect((await phone.send('hi')).outcome).toBe('received');
  });

  test('a message that is tried again is judged as at the first time, on any worker', async () => {
    const phone = await testPhone([loopGuard({ limit: 2 }), echo()]);
    const messages = [];
    for (let i = 0; i < 4; i++) messages.push((await phone.send('hi')).message);
    const elsewhere = [loopGuard({ limit: 2 })];
    await startApps(elsewhere, phone.services);
    const again = [];
    for (const message of messages) again.push(await runIncoming(elsewhere, message, phone.services.log));
    expect(again).toEqual(['received', 'received', 'filtered', 'filtered']);
  });

  test('counts the text as received, whatever apps before it made of it', async () => {
    const rewriting = {
      name: 'rewriting',
      filter(message: { text: string; id: string }) {
        message.text = message.id;
      },
    };
    const phone = await testPhone([rewriting, loopGuard({ limit: 1 })]);
    await phone.send('hi');
    expect((await phone.send('hi')).outcome).toBe('filtered');
  });

  test.each([0, -1, Number.NaN])('a limit of %d is refused', (limit) => {
    expect(() => loopGuard({ limit })).toThrow(`limit: must be a number above 0, not ${limit}`);
  });
});
