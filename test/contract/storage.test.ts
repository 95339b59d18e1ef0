import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { openStore } from '../../src/main/storage/open-store.ts';
import type { Store } from '../../src/main/storage/records.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { storeContract } from './store.contract.ts';

storeContract('SQLCipher', () => {
  const path = join(temporaryDirectory(), 'bothy.db');
  const key = new Uint8Array(48).fill(5);
  let current: Store | null = null;
  const open = () => {
    current?.close();
    const opened = openStore({ path, key });
    if (!opened.ok) throw new Error(opened.error.code);
    current = opened.value.store;
    return current;
  };
  onTestFinished(() => current?.close());
  return { store: open(), reopen: open };
});
