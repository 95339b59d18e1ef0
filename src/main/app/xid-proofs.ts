/** Signing and checking with XID keys, for introductions inside envelopes. */
import type { XidProofs } from '../messaging/context.ts';
import type { NearbyCrypto } from '../nearby/crypto.ts';
import { publicKeyOfXid } from '../nearby/xid.ts';
import type { Store } from '../storage/records.ts';

export function createXidProofs(store: Store, crypto: NearbyCrypto): XidProofs {
  return {
    sign(statement) {
      const self = store.self.get();
      if (!self) throw new Error('proofs need a profile that has an identity');
      return crypto.ed25519Sign(self.xidSeed, statement);
    },
    verify(xid, statement, signature) {
      const key = publicKeyOfXid(xid);
      return key !== null && crypto.ed25519Verify(key, statement, signature);
    },
  };
}
