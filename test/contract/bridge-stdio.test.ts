/** The Bridge contract over JSON-RPC lines, and what is particular to them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Bridge } from '../../src/shared/bridge/contract.ts';
import { fail } from '../../src/shared/errors.ts';
import { Headless } from '../support/headless.ts';
import { bridgeContract } from './bridge.contract.ts';

const folders: string[] = [];
function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'bothy-stdio-'));
  folders.push(made);
  return made;
}
afterAll(() => {
  for (const made of folders) rmSync(made, { recursive: true, force: true });
});

for (const keyFile of [true, false]) {
  bridgeContract(`stdio ${keyFile ? 'with a key file' : 'with a passphrase'}`, async () => {
    const process = new Headless({ folder: folder(), keyFile, arguments: ['--nearby', 'off'] });
    const call = (command: string, args: unknown): ReturnType<Bridge['call']> =>
      process.call(command as never, args as never).catch((error: Error) => {
        // JSON-RPC has a code of its own for this; it carries no AppError.
        if (error.message === 'There is no such method.') return fail('request.unknown-command', error.message);
        throw error;
      });
    return {
      bridge: {
        call: (command, args) => process.call(command, args),
        subscribe: (listener) => process.subscribe(listener),
      },
      callAnything: call,
      close: async () => {
        expect(await process.stop()).toBe(0);
      },
    };
  });
}

describe('JSON-RPC lines', () => {
  test('answers what is wrong with a line by the codes of the specification', async () => {
    const process = new Headless({ folder: folder(), arguments: ['--nearby', 'off'] });
    const codeOf = async (id: number, line: string): Promise<unknown> => {
      const { error } = (await process.raw(id, line)) as { error?: { code?: number } };
      return error?.code;
    };
    expect(await codeOf(1, '{"jsonrpc":"2.0","id":1,"method":"no.such.method"}')).toBe(-32601);
    expect(await codeOf(2, '{"jsonrpc":"2.0","id":2,"method":"app.status","params":[1]}')).toBe(-32602);
    expect(await codeOf(3, '{"id":3,"method":"app.status"}')).toBe(-32600);
    expect(await codeOf(4, '{"jsonrpc":"2.0","id":4,"method":"contacts.list"}')).toBe(1);
    expect((await process.raw(5, '{"jsonrpc":"2.0","id":5,"method":"app.status"}')).result).toMatchObject({
      phase: 'first-start',
    });
    expect(await process.stop()).toBe(0);
  });

  test('a profile is open in one process at a time, and unlocks with its passphrase only', async () => {
    const own = folder();
    const first = new Headless({ folder: own, keyFile: false, arguments: ['--nearby', 'off'] });
    await first.get('profile.create', { name: 'Ada', passphrase: 'the right passphrase' });
    const second = new Headless({ folder: own, keyFile: false, arguments: ['--nearby', 'off'] });
    const refused = await second.call('profile.unlock', { passphrase: 'the right passphrase' });
    expect(refused).toMatchObject({ ok: false, error: { code: 'profile.in-use' } });
    expect(await first.stop()).toBe(0);
    const wrong = await second.call('profile.unlock', { passphrase: 'the wrong passphrase' });
    expect(wrong).toMatchObject({ ok: false, error: { code: 'profile.wrong-passphrase' } });
    await second.get('profile.unlock', { passphrase: 'the right passphrase' });
    expect((await second.get('app.status', {})).self?.name).toBe('Ada');
    expect(await second.stop()).toBe(0);
  }, 120_000);
});
