/** Waiting for several answers, but for the slow ones only as long as nothing can go on without them. */

/** How long everybody gets to answer before those who did are enough. */
export const grace = 3_000;

/**
 * Resolves when all have answered; after the grace, as soon as `enough` holds. Returns those that had not answered: they
 * go on by themselves. None of them rejects.
 */
export async function withPatience<T extends { readonly answer: Promise<unknown> }>(
  asked: readonly T[],
  enough: () => boolean,
): Promise<readonly T[]> {
  const open = new Set(asked);
  const answers = asked.map(async (one) => {
    await one.answer;
    open.delete(one);
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, grace);
  });
  await Promise.race([Promise.all(answers), late]);
  clearTimeout(timer);
  while (open.size > 0 && !enough()) await Promise.race([...open].map((one) => one.answer));
  return [...open];
}
