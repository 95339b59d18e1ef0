/** Every command's arguments, checked at the boundary: whatever calls is not trusted, be it a window or a script. */
import * as v from 'valibot';
import { fail, ok, type Result } from '../errors.ts';
import type { ContactId, ConversationId, DeviceRef, MessageId } from '../model.ts';
import type { CommandArguments, CommandName } from './contract.ts';

const line = (max: number) => v.pipe(v.string(), v.maxLength(max));
const localId = v.pipe(v.string(), v.uuid());
const contactId = v.pipe(
  localId,
  v.transform((id) => id as ContactId),
);
const conversationId = v.pipe(
  localId,
  v.transform((id) => id as ConversationId),
);
/** New ids are UUIDs; ids of messages that came in are whatever their sender's client wrote. */
const newMessageId = v.pipe(
  localId,
  v.transform((id) => id as MessageId),
);
const messageId = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(512),
  v.transform((id) => id as MessageId),
);
const deviceRef = v.pipe(
  v.string(),
  v.regex(/^(?:self|[0-9a-f-]{36})\/[0-9]{1,10}$/),
  v.transform((ref) => ref as DeviceRef),
);
const deviceRefs = v.pipe(v.array(deviceRef), v.maxLength(500));
const preference = v.picklist(['automatic', 'direct', 'server']);
const cursor = v.strictObject({ sortAt: v.pipe(v.number(), v.finite()), sequence: v.pipe(v.number(), v.integer()) });
const limit = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(500));
const nothing = v.strictObject({});
const password = line(1024);

const schemas = {
  'app.status': nothing,
  'app.dismissNotice': v.strictObject({ id: line(200) }),
  'profile.create': v.strictObject({ name: line(200), passphrase: v.exactOptional(password) }),
  'profile.unlock': v.strictObject({ passphrase: password }),
  'profile.rename': v.strictObject({ name: line(200) }),
  'account.signIn': v.strictObject({ jid: line(3100), password }),
  'account.signOut': nothing,
  'account.retry': v.strictObject({ password: v.exactOptional(password) }),
  'nearby.setEnabled': v.strictObject({ enabled: v.boolean() }),
  'contacts.list': nothing,
  'contacts.addByJid': v.strictObject({ jid: line(3100), name: v.exactOptional(line(200)) }),
  'contacts.rename': v.strictObject({ contactId, name: line(200) }),
  'contacts.remove': v.strictObject({ contactId }),
  'contacts.answerRequest': v.strictObject({ contactId, accept: v.boolean() }),
  'invitations.create': nothing,
  'invitations.accept': v.strictObject({ link: line(2000) }),
  'conversations.list': nothing,
  'conversations.openWith': v.strictObject({ contactId }),
  'conversations.setRoute': v.strictObject({ conversationId, preference }),
  'conversations.allowPlain': v.strictObject({ conversationId, allow: v.boolean() }),
  'conversations.allowClearSignals': v.strictObject({ conversationId, allow: v.boolean() }),
  'conversations.markRead': v.strictObject({ conversationId, upTo: messageId }),
  'conversations.setDraft': v.strictObject({ conversationId, draft: line(200_000) }),
  'messages.page': v.strictObject({
    conversationId,
    before: v.exactOptional(cursor),
    after: v.exactOptional(cursor),
    limit,
  }),
  'messages.send': v.strictObject({
    conversationId,
    id: newMessageId,
    // Far beyond what is sent: too long is said in words, by messaging.
    body: line(700_000),
    route: v.strictObject({ preference, direct: deviceRefs, server: deviceRefs }),
  }),
  'messages.retry': v.strictObject({ messageId }),
  'messages.discard': v.strictObject({ messageId }),
  'messages.search': v.strictObject({ text: line(500), limit }),
  'devices.ofSelf': nothing,
  'devices.setTrust': v.strictObject({
    ref: deviceRef,
    trust: v.picklist(['verified', 'distrusted', 'undecided']),
  }),
  'devices.rename': v.strictObject({ ref: deviceRef, label: line(200) }),
  'devices.remove': v.strictObject({ ref: deviceRef }),
  'trust.ownUri': nothing,
  'trust.checkUri': v.strictObject({ uri: line(8000), contactId: v.exactOptional(contactId) }),
  'settings.get': nothing,
  'settings.set': v.strictObject({
    settings: v.strictObject({
      theme: v.exactOptional(v.picklist(['system', 'light', 'dark'])),
      sendReadMarkers: v.exactOptional(v.boolean()),
      notifications: v.exactOptional(v.picklist(['full', 'name', 'none'])),
      blindTrust: v.exactOptional(v.boolean()),
    }),
  }),
  'links.open': v.strictObject({ url: line(8000), conversationId: v.exactOptional(conversationId) }),
  'links.waiting': nothing,
  'links.taken': v.strictObject({ id: localId }),
  'links.handler': nothing,
  'links.claim': nothing,
} satisfies { [C in CommandName]: v.GenericSchema<unknown, CommandArguments<C>> };

export const commandNames = Object.keys(schemas) as CommandName[];

export function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(schemas, name);
}

/** The arguments as the contract promises them, or `request.malformed`. Says where it is wrong, never with what. */
export function checkArguments<C extends CommandName>(command: C, args: unknown): Result<CommandArguments<C>> {
  const schema: v.GenericSchema<unknown, CommandArguments<C>> = schemas[command];
  const result = v.safeParse(schema, args, { abortEarly: true });
  if (result.success) return ok(result.output);
  const path = result.issues[0].path?.map((item) => String(item.key)).join('.') ?? '';
  return fail('request.malformed', 'A request was malformed.', '', `${command}${path === '' ? '' : `: ${path}`}`);
}
