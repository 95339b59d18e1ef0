/** What a Converse saw and showed, in lines: for the message of a wait that failed. */
export interface Frame {
  /** Unix ms. */
  readonly at: number;
  readonly direction: 'sent' | 'got';
  readonly xml: string;
}

/** Its device id, as it published its bundle. */
function deviceOf(frames: readonly Frame[]): string | null {
  const bundle = /node=["']urn:xmpp:omemo:2:bundles["'].*?<item id=["'](\d+)["']/s;
  const legacy = /<publish[^>]*node=["']eu\.siacs\.conversations\.axolotl\.bundles:(\d+)["']/s;
  const sent = frames.filter(({ direction, xml }) => direction === 'sent' && xml.includes('<publish'));
  return sent.map(({ xml }) => (bundle.exec(xml) ?? legacy.exec(xml))?.[1]).find((id) => id !== undefined) ?? null;
}

function attribute(xml: string, name: string): string {
  return new RegExp(`\\s${name}=["']([^"']*)["']`).exec(xml)?.[1] ?? '–';
}

/** The keys of one encrypted element: for whom, of which kind, and whether one is for this device. */
function encryptedLine(element: string, device: string | null): string {
  const keys = [...element.matchAll(/<key\s([^>]*)>/g)].map(([, attributes]) => {
    const rid = attribute(` ${attributes}`, 'rid');
    return `${rid}${/(?:kex|prekey)=["'](?:true|1)/.test(attributes ?? '') ? ' (key exchange)' : ''}`;
  });
  const mine = keys.some((key) => key.split(' ')[0] === device) ? 'one is for this device' : 'NONE for this device';
  const payload = element.includes('<payload') ? '' : ', empty';
  return `${attribute(element, 'xmlns')} of device ${attribute(element, 'sid')}${payload}; keys: ${keys.join(', ')}; ${mine}`;
}

function lineOf({ at, direction, xml }: Frame, start: number, device: string | null): string | null {
  const when = `${String(at - start).padStart(6)} ms ${direction}`;
  const names = `from ${attribute(xml, 'from')} to ${attribute(xml, 'to')} id ${attribute(xml, 'id')}`;
  if (xml.startsWith('<message')) {
    const encrypted = [...xml.matchAll(/<encrypted\s.*?<\/encrypted>/gs)].map(([element]) => element);
    if (encrypted.length > 0) {
      const how = xml.includes('urn:xmpp:carbons:2') ? ' (carbon)' : xml.includes('urn:xmpp:mam:2') ? ' (archive)' : '';
      return [`${when} message${how} ${names}`, ...encrypted.map((one) => `      ${encryptedLine(one, device)}`)].join(
        '\n',
      );
    }
  }
  const node = /node=["']((?:urn:xmpp:omemo:2|eu\.siacs)[^"']*)["']/.exec(xml)?.[1];
  if (node) {
    const ids = [...xml.matchAll(/<device\s[^>]*?\bid=["'](\d+)["']/g)].map(([, id]) => id);
    const isPublished = direction === 'sent' && xml.includes('<publish');
    const what = isPublished ? 'publishes' : xml.startsWith('<message') ? 'told of' : attribute(xml, 'type');
    return `${when} ${what} ${node} ${names} ${ids.length > 0 ? `devices: ${ids.join(', ')}` : ''}`;
  }
  return xml.startsWith('<iq') && xml.includes('type="error"') ? `${when} ${xml.slice(0, 300)}` : null;
}

/** What was on its stream of OMEMO, from its start. */
export function omemoOnTheWire(frames: readonly Frame[]): string {
  const device = deviceOf(frames);
  const start = frames[0]?.at ?? 0;
  const lines = frames.map((frame) => lineOf(frame, start, device)).filter((line) => line !== null);
  return [`its device: ${device ?? 'no bundle published'}; now: ${Date.now() - start} ms`, ...lines].join('\n');
}
