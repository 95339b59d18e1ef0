/**
 * What we tell about this client (XEP-0030) and the hash of it in presence (XEP-0115): a generic identity and the
 * features others must know of. No name, version, operating system, uptime or time zone.
 */
import { createHash } from 'node:crypto';
import xml, { type Element } from '@xmpp/xml';
import { NS } from './namespaces.ts';

/** XEP-0115 wants an address of the software; every client with these features may share this one. */
const NODE = 'urn:xmpp:caps';

export interface ServiceDiscovery {
  /** `<c/>` for our presence. */
  readonly caps: Element;
  /** The `<query/>` that answers `query`; null when it asks for a node that we do not have. */
  answer(query: Element): Element | null;
}

/** `notify`: PEP nodes whose events we want (XEP-0163 §4.3.2), e.g. `urn:xmpp:omemo:2:devices`. */
export function createServiceDiscovery(notify: readonly string[]): ServiceDiscovery {
  const features = [NS.caps, NS.discoInfo, NS.ping, ...notify.map((node) => `${node}+notify`)].sort();
  // XEP-0115 §5.1: category/type/lang/name, then the features in byte order, each closed by `<`
  const verification = ['client/pc//', ...features].map((part) => `${part}<`).join('');
  const ver = createHash('sha1').update(verification, 'utf8').digest('base64');
  return {
    caps: xml('c', { xmlns: NS.caps, hash: 'sha-1', node: NODE, ver }),
    answer: (query) => {
      const node: unknown = query.attrs['node'];
      if (node !== undefined && node !== `${NODE}#${ver}`) return null;
      return xml(
        'query',
        { xmlns: NS.discoInfo, ...(typeof node === 'string' ? { node } : {}) },
        xml('identity', { category: 'client', type: 'pc' }),
        ...features.map((feature) => xml('feature', { var: feature })),
      );
    },
  };
}

/** The features named in an answer to a `disco#info` request. */
export function readFeatures(result: Element): ReadonlySet<string> {
  const query = result.getChild('query', NS.discoInfo);
  return new Set(query?.getChildren('feature').map((feature) => String(feature.attrs['var'])));
}
