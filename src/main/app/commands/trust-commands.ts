/** Commands about comparing keys by link or code. */
import { fail, ok } from '../../../shared/errors.ts';
import { type Address, type ContactId, deviceRef } from '../../../shared/model.ts';
import type { DeviceRecord } from '../../storage/records.ts';
import type { RunningProfile } from '../running-profile.ts';
import type { Handlers } from './command-types.ts';

export function trustCommands(profile: RunningProfile): Handlers<'trust.ownUri' | 'trust.checkUri'> {
  const { store, context, views } = profile;
  return {
    'trust.ownUri'() {
      const own = views.ownDevices().filter((device) => device.trust === 'verified' && device.fingerprint !== null);
      const address = store.accounts.get()?.jid ?? views.self().xid;
      return ok({ uri: `xmpp:${address}?${own.map((d) => `omemo-sid-${d.deviceId}=${d.fingerprint}`).join(';')}` });
    },

    'trust.checkUri'({ uri, contactId }) {
      const [address = '', query = ''] = uri.replace(/^xmpp:/i, '').split('?');
      const contact = store.contacts.byAddress(address as Address);
      if (!contact || (contactId && contact.id !== contactId)) {
        return fail('contact.unknown', 'This code belongs to somebody else.');
      }
      const fingerprints = new Map(
        [...query.matchAll(/omemo-sid-([0-9]{1,10})=([0-9a-f]{64})/gi)].map(([, id, hex]) => [Number(id), hex ?? '']),
      );
      const known = store.devices.of(contact.id).filter((device) => device.identityKey !== null);
      const named = known.filter((device) => fingerprints.has(device.deviceId));
      const fits = (device: DeviceRecord) =>
        device.identityKey && context.cipher.fingerprint(device.identityKey) === fingerprints.get(device.deviceId);
      const judged = named.map((device) => ({ ...device, trust: fits(device) ? 'verified' : 'distrusted' }) as const);
      for (const device of judged) store.devices.put(device);
      context.events.contact(contact.id);
      profile.outbox.kick(contact.id);
      const refs = (owner: ContactId, trust: DeviceRecord['trust']) =>
        judged.filter((device) => device.trust === trust).map((device) => deviceRef(owner, device.deviceId));
      return ok({
        owner: contact.id,
        name: contact.name,
        verified: refs(contact.id, 'verified'),
        mismatched: refs(contact.id, 'distrusted'),
        expected: fingerprints.size - named.length,
      });
    },
  };
}
