/** One command with its progress and its expected failure, for a form or a button. */
import { useCallback, useState } from 'react';
import type { CommandArguments, CommandName, CommandValue } from '../../shared/bridge/contract.ts';
import type { AppError, Result } from '../../shared/errors.ts';
import { useStore } from './use-window.ts';

interface Asking<C extends CommandName> {
  readonly ask: (args: CommandArguments<C>) => Promise<Result<CommandValue<C>>>;
  readonly busy: boolean;
  readonly error: AppError | null;
  readonly forgetError: () => void;
}

export function useAsk<C extends CommandName>(command: C): Asking<C> {
  const store = useStore();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<AppError | null>(null);
  const ask = useCallback(
    async (args: CommandArguments<C>) => {
      setBusy(true);
      setError(null);
      try {
        const result = await store.call(command, args);
        if (!result.ok) setError(result.error);
        return result;
      } finally {
        setBusy(false);
      }
    },
    [store, command],
  );
  const forgetError = useCallback(() => setError(null), []);
  return { ask, busy, error, forgetError };
}
