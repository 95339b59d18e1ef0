/** The connection in words, for the line under one's own name. Pure. */
import type { AppStatus } from '../../../shared/model.ts';
import { conversations as words } from '../../i18n/conversations.ts';

function accountWords(status: AppStatus): string {
  const account = status.account;
  if (account === null) return words.accountNone;
  switch (account.transport.state) {
    case 'online':
      return account.catchingUp === null ? words.accountOnline : words.accountCatchingUp(account.catchingUp);
    case 'connecting':
      return words.accountConnecting;
    case 'failing':
      return account.transport.retryAt === null ? words.accountSignInFailed : words.accountOffline;
    case 'off':
      return words.accountOffline;
  }
}

function nearbyWords(status: AppStatus): string {
  const nearby = status.nearby;
  if (!nearby.enabled) return words.nearbyOff;
  switch (nearby.transport.state) {
    case 'online':
      return words.nearbyCount(nearby.connectedContacts.length);
    case 'connecting':
      return words.nearbyStarting;
    case 'failing':
      return words.nearbyFailing;
    case 'off':
      return words.nearbyOff;
  }
}

export function connectionWords(status: AppStatus): string {
  return `${accountWords(status)} · ${nearbyWords(status)}`;
}

/** The dot beside the words: the server is there, only people nearby are, something is being tried, nobody is there. */
export function connectionTone(status: AppStatus): 'ok' | 'near' | 'trying' | 'none' {
  const account = status.account?.transport.state;
  if (account === 'online') return 'ok';
  if (status.nearby.enabled && status.nearby.connectedContacts.length > 0) return 'near';
  return account === 'connecting' ? 'trying' : 'none';
}
