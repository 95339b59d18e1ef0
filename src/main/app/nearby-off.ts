/** What is told of the nearby network while it is not running. */
import type { NearbyStatus } from '../../shared/model.ts';

export const nearbyOff: NearbyStatus = {
  enabled: false,
  transport: { state: 'off', error: null, since: 0, retryAt: null },
  connectedContacts: [],
};
