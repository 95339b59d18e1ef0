/** Asking for the bundle of one device: the device itself where it is linked, else its owner's account (XEP-0384 §4.3). */
import type { Element } from '@xmpp/xml';
import { fail, type Result } from '../../../shared/errors.ts';
import type { DeviceId } from '../../../shared/model.ts';
import type { Bundle, WireFormat } from '../../e2ee/types.ts';
import type { ContactRecord } from '../../storage/records.ts';
import type { SendTarget, Transport } from '../../transports/transport.ts';
import { accountOf, type MessagingContext } from '../context.ts';
import type { Owner } from './device-records.ts';
import { bundlesNode, fetchedItem, fetchRequest, readBundle } from './key-nodes.ts';
import { legacyBundleNode, legacyFetchRequest, readLegacyBundleElement } from './legacy-nodes.ts';
import { linkedDevices } from './recipients.ts';

export type Ask = (transport: Transport, target: SendTarget, iq: Element) => Promise<Result<Element>>;

export interface BundleRequest {
  readonly context: MessagingContext;
  readonly ask: Ask;
  readonly owner: Owner;
  /** Null for our own devices. */
  readonly contact: ContactRecord | null;
  readonly deviceId: DeviceId;
}

/** The bundle, checked: `transport.*` where nobody could be asked, else why there is none that can be used. */
export function requestBundle(request: BundleRequest, wire: WireFormat): Promise<Result<Bundle>> {
  return wire === 'omemo2' ? requestCurrent(request) : requestLegacy(request);
}

const unreachable = () => fail('transport.unreachable', 'The device cannot be asked for its keys now.');

function accountAddress({ context, owner, contact }: BundleRequest) {
  return owner === 'self' ? (accountOf(context)?.jid ?? null) : (contact?.jid ?? null);
}

async function requestCurrent(request: BundleRequest): Promise<Result<Bundle>> {
  const { context, ask, owner, contact, deviceId } = request;
  const direct = context.direct();
  const xmpp = context.xmpp();
  const jid = accountAddress(request);
  const item = String(deviceId);
  let answer: Result<Element> = unreachable();
  if (direct && contact && linkedDevices(context, contact).has(deviceId)) {
    const address = contact.xid ?? contact.jid;
    const target = address && { address, devices: [deviceId] };
    if (target) answer = await ask(direct, target, fetchRequest(target.address, bundlesNode, item));
  }
  if (!answer.ok && xmpp && jid) {
    const to = owner === 'self' ? null : jid;
    answer = await ask(xmpp, { address: jid, devices: [] }, fetchRequest(to, bundlesNode, item));
  }
  if (!answer.ok) return answer;
  const bundle = readBundle(fetchedItem(answer.value, bundlesNode, item), deviceId);
  return bundle.ok ? context.cipher.checkBundle(bundle.value) : bundle;
}

async function requestLegacy(request: BundleRequest): Promise<Result<Bundle>> {
  const { context, ask, owner, deviceId } = request;
  const xmpp = context.xmpp();
  const jid = accountAddress(request);
  if (!xmpp || !jid) return unreachable();
  const node = legacyBundleNode(deviceId);
  const iq = legacyFetchRequest(owner === 'self' ? null : jid, node);
  const answer = await ask(xmpp, { address: jid, devices: [] }, iq);
  if (!answer.ok) return answer;
  const bundle = readLegacyBundleElement(fetchedItem(answer.value, node, null), deviceId);
  return bundle.ok ? context.cipher.checkLegacyBundle(bundle.value) : bundle;
}
