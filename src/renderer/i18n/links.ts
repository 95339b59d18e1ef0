export const links = {
  problemTitle: 'This link cannot be used',
  own: 'This link leads to yourself.',
  ownAction: 'Send it to somebody who wants to write to you.',
  unmet: 'This link leads to somebody without a server address, whom you have not met yet.',
  unmetAction: 'Ask them for an invitation first.',
  waiting: 'A link is waiting. Close this to see it.',
  waitingLocked: 'A link is waiting. It opens when Bothy is unlocked.',
  waitingBegin: 'A link is waiting. It opens when you have begun.',
  brought: {
    invitation: 'A link brought this invitation. Nobody is added before you agree.',
    person: 'A link brought this address. Nothing is sent before you add it.',
    noAccount: (address: string) =>
      `The link leads to ${address}. To add them you need an XMPP account: sign in under Settings, then open the link again.`,
    text: 'What the link wants to say is then in the box where you write, to be read first.',
  },
  text: {
    put: 'A link wrote this text. Read it before you send it.',
    offered: 'The link brought a text, but you have begun to write here.',
    remove: 'Remove it',
    add: 'Add it below',
    dismiss: 'Leave it out',
  },
} as const;
