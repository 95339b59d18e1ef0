import { scryptSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type AppError, ok, type Result } from '../../shared/errors.ts';
import type { Notice } from '../../shared/model.ts';
import { openStore } from '../storage/open-store.ts';
import type { Store } from '../storage/records.ts';
import { faultOf } from '../storage/storage-fault.ts';
import type { AppOptions } from './create-app.ts';

export interface ProfileAccess {
  readonly found: { kind: 'none' } | { kind: 'refused'; error: AppError } | { kind: 'locked' } | { kind: 'open' };
  readonly needsPassphrase: boolean;
  create(passphrase: string | null): Promise<Result<Store>>;
  open(passphrase: string | null): Promise<Result<{ store: Store; notices: readonly Notice[] }>>;
  faultOf(error: unknown): AppError | null;
  close(): Promise<void>;
}

export async function openProfileAccess(options: AppOptions): Promise<ProfileAccess> {
  const path = join(options.profileDirectory, 'bothy.db');
  const open = (p: string | null): Result<{ store: Store; notices: readonly Notice[] }> => {
    const r = openStore({ path, key: new Uint8Array(scryptSync(p ?? '', 'salt', 32)) });
    return r.ok ? ok({ store: r.value.store, notices: [] }) : r;
  };
  return {
    found: { kind: existsSync(path) ? 'locked' : 'none' },
    needsPassphrase: true,
    async create(p) {
      const r = open(p);
      return r.ok ? ok(r.value.store) : r;
    },
    async open(p) {
      return open(p);
    },
    faultOf: (e) => faultOf(e)?.error ?? null,
    async close() {},
  };
}
