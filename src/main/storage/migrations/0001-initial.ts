/** The first schema. Times are Unix milliseconds; STRICT tables, so a column holds only its type. */

export const initial = `
CREATE TABLE self (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  name TEXT NOT NULL,
  xid TEXT NOT NULL,
  xid_seed BLOB NOT NULL CHECK (length(xid_seed) = 32),
  device BLOB NOT NULL,
  device_id INTEGER NOT NULL,
  identity_key BLOB NOT NULL CHECK (length(identity_key) = 32)
) STRICT;

CREATE TABLE account (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  jid TEXT NOT NULL,
  password TEXT NOT NULL,
  state TEXT NOT NULL,
  archive_cursor TEXT
) STRICT;

CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE contact (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  jid TEXT UNIQUE,
  xid TEXT UNIQUE,
  subscription TEXT NOT NULL,
  xid_shared INTEGER NOT NULL CHECK (xid_shared IN (0, 1)),
  added_at INTEGER NOT NULL
) STRICT;

-- The owner is a contact's id or 'self', so no foreign key; the trigger below removes a contact's devices.
CREATE TABLE device (
  owner TEXT NOT NULL,
  device_id INTEGER NOT NULL,
  wire TEXT NOT NULL,
  label TEXT NOT NULL,
  identity_key BLOB CHECK (length(identity_key) = 32),
  trust TEXT NOT NULL,
  active INTEGER NOT NULL CHECK (active IN (0, 1)),
  last_seen_at INTEGER,
  PRIMARY KEY (owner, device_id)
) STRICT;
CREATE INDEX device_by_identity ON device (identity_key, device_id);
CREATE TRIGGER contact_devices AFTER DELETE ON contact BEGIN
  DELETE FROM device WHERE owner = old.id;
END;

CREATE TABLE session (
  identity_key BLOB NOT NULL CHECK (length(identity_key) = 32),
  device_id INTEGER NOT NULL,
  state BLOB NOT NULL,
  PRIMARY KEY (identity_key, device_id)
) STRICT;

CREATE TABLE conversation (
  id TEXT PRIMARY KEY,
  contact_id TEXT NOT NULL UNIQUE REFERENCES contact (id) ON DELETE CASCADE,
  route_preference TEXT NOT NULL,
  plain_allowed INTEGER NOT NULL CHECK (plain_allowed IN (0, 1)),
  draft TEXT NOT NULL,
  updated_at INTEGER NOT NULL,
  order_counter INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The highest order counter seen from each device of the other side.
CREATE TABLE order_seen (
  conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
  identity_key BLOB NOT NULL,
  device_id INTEGER NOT NULL,
  highest INTEGER NOT NULL,
  PRIMARY KEY (conversation_id, identity_key, device_id)
) STRICT;

CREATE TABLE message (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
  direction TEXT NOT NULL,
  kind TEXT NOT NULL,
  body TEXT NOT NULL,
  sent_at INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  sort_at INTEGER NOT NULL,
  sender_owner TEXT,
  sender_device_id INTEGER,
  encryption TEXT NOT NULL,
  route TEXT,
  state TEXT NOT NULL,
  failure TEXT,
  order_counter INTEGER
) STRICT;
CREATE INDEX message_position ON message (conversation_id, sort_at, sequence);
CREATE INDEX message_unread_out ON message (conversation_id, sort_at, sequence)
  WHERE direction = 'out' AND state <> 'read';

-- What nobody has looked at yet: a table of its own, so that marking thousands as read touches no message.
CREATE TABLE unread (
  conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
  sort_at INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  message_id TEXT NOT NULL,
  PRIMARY KEY (conversation_id, sort_at, sequence)
) STRICT, WITHOUT ROWID;

-- Only what somebody said counts as unread; our own notes do not.
CREATE TRIGGER message_unread AFTER INSERT ON message
  WHEN new.direction = 'in' AND new.kind IN ('text', 'undecryptable') BEGIN
  INSERT INTO unread (conversation_id, sort_at, sequence, message_id)
    VALUES (new.conversation_id, new.sort_at, new.sequence, new.id);
END;

-- Search index over what people said; it keeps words, not a second copy of the text.
CREATE VIEW message_said AS SELECT sequence, body FROM message WHERE kind = 'text';
CREATE VIRTUAL TABLE message_text USING fts5 (
  body, content = 'message_said', content_rowid = 'sequence', tokenize = 'signal_tokenizer'
);
INSERT INTO message_text (message_text, rank) VALUES ('secure-delete', 1);
CREATE TRIGGER message_said_added AFTER INSERT ON message WHEN new.kind = 'text' BEGIN
  INSERT INTO message_text (rowid, body) VALUES (new.sequence, new.body);
END;
CREATE TRIGGER message_said_removed AFTER DELETE ON message WHEN old.kind = 'text' BEGIN
  INSERT INTO message_text (message_text, rowid, body) VALUES ('delete', old.sequence, old.body);
END;

CREATE TABLE seen (
  identity_key BLOB NOT NULL,
  message_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (identity_key, message_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  message_id TEXT NOT NULL UNIQUE,
  contact_id TEXT NOT NULL REFERENCES contact (id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  stage TEXT NOT NULL,
  stanza TEXT NOT NULL,
  preference TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_by_contact ON outbox (contact_id);

CREATE TABLE outbox_target (
  outbox_id INTEGER NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
  owner TEXT NOT NULL,
  device_id INTEGER NOT NULL,
  state TEXT NOT NULL,
  route TEXT,
  PRIMARY KEY (outbox_id, owner, device_id)
) STRICT;

CREATE TABLE invitation (
  secret BLOB PRIMARY KEY NOT NULL CHECK (length(secret) = 32),
  expires_at INTEGER NOT NULL,
  direction TEXT NOT NULL,
  xid TEXT,
  contact_id TEXT REFERENCES contact (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX invitation_by_contact ON invitation (contact_id);
`;
