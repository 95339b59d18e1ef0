/** What a stream remembers between runs, as the opaque text of `XmppCredentials.state`. It holds a secret (the token). */
import { randomUUID } from 'node:crypto';
import * as v from 'valibot';

const fastSchema = v.object({
  mechanism: v.picklist(['HT-SHA-256-EXPR', 'HT-SHA-256-ENDP', 'HT-SHA-256-NONE']),
  token: v.pipe(v.string(), v.minLength(1), v.maxLength(4_096)),
  /** Unix milliseconds. */
  expiry: v.number(),
  count: v.pipe(v.number(), v.integer(), v.minValue(0)),
});

const schema = v.object({
  version: v.literal(1),
  /** XEP-0388 §2.3: the same for this installation and account, told to no other server. */
  agent: v.pipe(v.string(), v.uuid()),
  /** Strongest SASL mechanism this account ever signed in with. */
  pinned: v.nullable(v.string()),
  fast: v.nullable(fastSchema),
});

export type StreamState = v.InferOutput<typeof schema>;
export type FastToken = v.InferOutput<typeof fastSchema>;

export function readState(text: string): StreamState {
  try {
    const parsed = v.safeParse(schema, JSON.parse(text));
    if (parsed.success) return parsed.output;
  } catch {
    // '' at first
  }
  return { version: 1, agent: randomUUID(), pinned: null, fast: null };
}

export function writeState(state: StreamState): string {
  return JSON.stringify(state);
}
