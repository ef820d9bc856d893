import { randomUUID } from 'node:crypto';
import type { Batch, OutboundTransmission } from '../../src/backends/backend.ts';

/** A transmission as the worker would hand it over; the serial makes the number. */
export function transmission(
  serial: number,
  overrides: Partial<OutboundTransmission> = {},
): OutboundTransmission {
  return {
    id: randomUUID(),
    messageId: '01900000-0000-7000-8000-000000000001',
    identity: `+1202555${String(serial).padStart(4, '0')}`,
    text: 'Water is off on Elm Street until 5 pm.',
    segments: 1,
    attempt: 1,
    priority: 0,
    validUntil: undefined,
    context: { inResponseTo: undefined, fields: {} },
    ...overrides,
  };
}

export function batchOf(transmissions: readonly OutboundTransmission[]): Batch {
  return { id: randomUUID(), transmissions };
}

/** A batch to so many different numbers. */
export function batch(size: number, overrides: Partial<OutboundTransmission> = {}): Batch {
  return batchOf(Array.from({ length: size }, (_, serial) => transmission(serial, overrides)));
}
