/** XML namespaces of the account's features, each with its specification. */
export const NS = {
  caps: 'http://jabber.org/protocol/caps', // XEP-0115
  carbons: 'urn:xmpp:carbons:2', // XEP-0280
  client: 'jabber:client', // RFC 6120
  delay: 'urn:xmpp:delay', // XEP-0203
  discoInfo: 'http://jabber.org/protocol/disco#info', // XEP-0030
  dataForm: 'jabber:x:data', // XEP-0004
  forward: 'urn:xmpp:forward:0', // XEP-0297
  archive: 'urn:xmpp:mam:2', // XEP-0313
  nick: 'http://jabber.org/protocol/nick', // XEP-0172
  ping: 'urn:xmpp:ping', // XEP-0199
  preApproval: 'urn:xmpp:features:pre-approval', // RFC 6121 §3.4
  pubsubEvent: 'http://jabber.org/protocol/pubsub#event', // XEP-0060
  resultSet: 'http://jabber.org/protocol/rsm', // XEP-0059
  roster: 'jabber:iq:roster', // RFC 6121 §2
  rosterVersioning: 'urn:xmpp:features:rosterver', // RFC 6121 §2.6
  stanzaError: 'urn:ietf:params:xml:ns:xmpp-stanzas', // RFC 6120 §8.3
  stanzaId: 'urn:xmpp:sid:0', // XEP-0359
} as const;
