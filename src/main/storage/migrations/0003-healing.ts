/**
 * For whose devices a text of ours was encrypted, under which keys: what may be encrypted again for a device that could
 * not read it, and nothing else. 20 bytes a device: its id (big-endian) and 16 bytes of its identity key.
 */

export const healing = 'ALTER TABLE message ADD COLUMN sealed_for BLOB;';
