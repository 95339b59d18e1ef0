/** The points at which a fault test kills the process: between any two steps that must be one, or may come apart. */
export const crashPoints = [
  'send.before-commit',
  'send.committed',
  'outbox.sealed',
  'outbox.transmitting',
  'outbox.transmitted',
  'outbox.recorded',
  'inbox.received',
  'inbox.decrypted',
  'inbox.before-commit',
  'inbox.committed',
] as const;

export type CrashPointName = (typeof crashPoints)[number];

/** `name` or `name:n` (at the n-th time): from a test's environment. Null: nothing to do. */
export function parseCrashPoint(
  text: string | undefined,
): { readonly name: CrashPointName; readonly at: number } | null {
  const match = /^([a-z.-]+)(?::([1-9][0-9]{0,5}))?$/.exec(text ?? '');
  const name = crashPoints.find((point) => point === match?.[1]);
  return name === undefined ? null : { name, at: Number(match?.[2] ?? 1) };
}
