/** What a person calls a device, and what they allow beside the older OMEMO. */

export const trust = `
ALTER TABLE device ADD COLUMN local_name TEXT NOT NULL DEFAULT '';
ALTER TABLE conversation ADD COLUMN clear_signals_allowed INTEGER NOT NULL DEFAULT 0
  CHECK (clear_signals_allowed IN (0, 1));
`;
