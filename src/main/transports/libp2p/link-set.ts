/** The authenticated links: at most one in use per device, the newest, chosen by one side so that both agree. */
import type { Address, ContactId, DeviceId } from '../../../shared/model.ts';
import type { Link } from './link.ts';

export class LinkSet {
  readonly #links = new Set<Link>();
  readonly #addressesOf: (contactId: ContactId) => readonly Address[];

  constructor(addressesOf: (contactId: ContactId) => readonly Address[]) {
    this.#addressesOf = addressesOf;
  }

  /** True while a link to this PeerId exists, in use or draining. */
  hasPeer(peerId: string): boolean {
    for (const link of this.#links) if (link.remotePeerId === peerId) return true;
    return false;
  }

  /** Links in use of the devices of one address: the newest per device; of all its devices when none are named. */
  to(address: Address, devices: readonly DeviceId[] | null): Link[] {
    const perDevice = new Map<DeviceId, Link>();
    for (const link of this.#links) {
      const { contactId, deviceId } = link.peer.device;
      if (!link.usable || !this.#addressesOf(contactId).includes(address)) continue;
      if (devices === null || devices.includes(deviceId)) perDevice.set(deviceId, link);
    }
    return [...perDevice.values()];
  }

  contacts(): ContactId[] {
    const contacts = new Set<ContactId>();
    for (const link of this.#links) if (link.usable) contacts.add(link.peer.device.contactId);
    return [...contacts];
  }

  /**
   * Adds a link. Two devices may have dialled each other at once, or one came back under a new PeerId: the device with
   * the greater identity key keeps the newest link and drains the others; the other device follows.
   */
  add(link: Link, ownIdentityKey: Uint8Array): void {
    const older = [...this.#links].filter((one) => one.usable && sameDevice(one, link));
    this.#links.add(link);
    if (greater(ownIdentityKey, link.peer.device.identityKey)) for (const one of older) one.drain();
  }

  remove(link: Link): void {
    this.#links.delete(link);
  }

  /** Another link, in use, to the same device. */
  replacementFor(link: Link): Link | null {
    for (const one of this.#links) if (one !== link && one.usable && sameDevice(one, link)) return one;
    return null;
  }

  get all(): Link[] {
    return [...this.#links];
  }
}

function sameDevice(left: Link, right: Link): boolean {
  const [one, other] = [left.peer.device, right.peer.device];
  return (
    one.contactId === other.contactId &&
    one.deviceId === other.deviceId &&
    !greater(one.identityKey, other.identityKey) &&
    !greater(other.identityKey, one.identityKey)
  );
}

/** Lexicographic; identity keys are public. */
function greater(left: Uint8Array, right: Uint8Array): boolean {
  for (let index = 0; index < left.length; index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return false;
}
