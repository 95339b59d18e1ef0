/**
 * What devices say about keys (XEP-0434), kept until it can be believed; and a queue for our own other devices: its rows
 * have no contact.
 */
export const trustStatements = `
CREATE TABLE trust_statement (
  about TEXT NOT NULL,
  key_id BLOB NOT NULL CHECK (length(key_id) = 32),
  said_by BLOB NOT NULL CHECK (length(said_by) = 32),
  trust TEXT NOT NULL,
  said_at INTEGER NOT NULL,
  PRIMARY KEY (about, key_id, said_by)
) STRICT;
CREATE INDEX trust_statement_by_speaker ON trust_statement (said_by);

CREATE TABLE new_outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  message_id TEXT NOT NULL UNIQUE,
  contact_id TEXT REFERENCES contact (id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  stage TEXT NOT NULL,
  stanza TEXT NOT NULL,
  preference TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL
) STRICT;
INSERT INTO new_outbox (id, message_id, contact_id, kind, stage, stanza, preference, attempts, created_at)
  SELECT id, message_id, contact_id, kind, stage, stanza, preference, attempts, created_at FROM outbox;
CREATE TABLE new_outbox_target (
  outbox_id INTEGER NOT NULL REFERENCES new_outbox (id) ON DELETE CASCADE,
  owner TEXT NOT NULL,
  device_id INTEGER NOT NULL,
  state TEXT NOT NULL,
  route TEXT,
  PRIMARY KEY (outbox_id, owner, device_id)
) STRICT;
INSERT INTO new_outbox_target (outbox_id, owner, device_id, state, route)
  SELECT outbox_id, owner, device_id, state, route FROM outbox_target;
DROP TABLE outbox_target;
DROP TABLE outbox;
ALTER TABLE new_outbox RENAME TO outbox;
ALTER TABLE new_outbox_target RENAME TO outbox_target;
CREATE INDEX outbox_by_contact ON outbox (contact_id);
`;
