/** An open profile, running, with the commands it answers. Loaded when there is one: the window shows before that. */
import { accountCommands } from './commands/account-commands.ts';
import { contactCommands } from './commands/contact-commands.ts';
import { conversationCommands } from './commands/conversation-commands.ts';
import { deviceCommands } from './commands/device-commands.ts';
import { invitationCommands } from './commands/invitation-commands.ts';
import { messageCommands } from './commands/message-commands.ts';
import { settingsCommands } from './commands/settings-commands.ts';
import { trustCommands } from './commands/trust-commands.ts';
import { createNearbyCrypto } from './nearby-crypto.ts';
import { RunningProfile, type RunningProfileOptions } from './running-profile.ts';

export async function startProfile(options: Omit<RunningProfileOptions, 'crypto'>) {
  const profile = new RunningProfile({ ...options, crypto: await createNearbyCrypto() });
  const handlers = {
    ...accountCommands(profile),
    ...contactCommands(profile),
    ...invitationCommands(profile),
    ...conversationCommands(profile),
    ...messageCommands(profile),
    ...deviceCommands(profile),
    ...trustCommands(profile),
    ...settingsCommands(profile, options.hub, options.onStatus),
  };
  return { profile, handlers };
}
