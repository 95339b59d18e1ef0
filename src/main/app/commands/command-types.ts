/** What command handlers are made of. */
import type { CommandArguments, CommandName, CommandValue } from '../../../shared/bridge/contract.ts';
import type { Result } from '../../../shared/errors.ts';

type Handler<C extends CommandName> = (
  args: CommandArguments<C>,
) => Result<CommandValue<C>> | Promise<Result<CommandValue<C>>>;

/** Handlers of some of the commands, by name. */
export type Handlers<C extends CommandName> = { readonly [K in C]: Handler<K> };
