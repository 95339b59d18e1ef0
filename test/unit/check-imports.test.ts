import { describe, expect, test } from 'vitest';
import { importsOf, importViolations } from '../../scripts/check-imports.ts';

function violations(files: Record<string, string>): string[] {
  return importViolations(new Map(Object.entries(files).map(([path, code]) => [path, importsOf(path, code)])));
}

describe('the import rules find', () => {
  test.each([
    ['shared importing main', { 'src/shared/a.ts': "import { x } from '../main/app/b.ts';" }],
    ['the renderer importing main', { 'src/renderer/a.ts': "import type { X } from '../main/app/b.ts';" }],
    ['storage importing e2ee values', { 'src/main/storage/a.ts': "import { x } from '../e2ee/b.ts';" }],
    ['messaging importing storage values', { 'src/main/messaging/a.ts': "import { x } from '../storage/b.ts';" }],
    ['one transport importing another', { 'src/main/transports/xmpp/a.ts': "import { x } from '../libp2p/b.ts';" }],
    ['e2ee importing a transport', { 'src/main/e2ee/a.ts': "import type { X } from '../transports/transport.ts';" }],
    ['a host reaching past app', { 'src/main/hosts/stdio/a.ts': "import { x } from '../../storage/b.ts';" }],
    ['a re-export across layers', { 'src/main/e2ee/a.ts': "export { x } from '../storage/b.ts';" }],
    ['a late import across layers', { 'src/shared/a.ts': "const x = import('../main/app/b.ts');" }],
    ['electron outside its host', { 'src/main/app/a.ts': "import { app } from 'electron';" }],
    ['node:crypto in e2ee', { 'src/main/e2ee/a.ts': "import { hkdfSync } from 'node:crypto';" }],
    ['Node in shared', { 'src/shared/a.ts': "import { join } from 'node:path';" }],
    ['Node in the renderer', { 'src/renderer/a.ts': "import { join } from 'node:path';" }],
    ['a test imported by the product', { 'src/main/app/a.ts': "import { x } from '../../../test/support/b.ts';" }],
    ['a barrel file', { 'src/main/app/index.ts': 'export const x = 1;' }],
    ['an empty folder name', { 'src/main/app/utils/a.ts': 'export const x = 1;' }],
    [
      'what stands above it in messaging, types included',
      { 'src/main/messaging/envelope/a.ts': "import type { X } from '../sending/b.ts';" },
    ],
    [
      'a floor of messaging imported by the ground it stands on',
      { 'src/main/messaging/a.ts': "import type { X } from './envelope/b.ts';" },
    ],
    ['a cycle', { 'src/shared/a.ts': "import { b } from './b.ts';", 'src/shared/b.ts': "import { a } from './a.ts';" }],
  ])('%s', (_name, files) => {
    expect(violations(files)).toHaveLength(1);
  });
});

describe('the import rules allow', () => {
  test.each([
    ['types of storage in messaging', { 'src/main/messaging/a.ts': "import type { X } from '../storage/b.ts';" }],
    ['types of e2ee in storage', { 'src/main/storage/a.ts': "import { type X } from '../e2ee/b.ts';" }],
    ['the transport interface', { 'src/main/transports/xmpp/a.ts': "import { x } from '../transport.ts';" }],
    ['node:crypto in the primitives', { 'src/main/e2ee/primitives/a.ts': "import { hkdfSync } from 'node:crypto';" }],
    [
      'what stands below it in messaging',
      { 'src/main/messaging/sending/a.ts': "import { x } from '../envelope/b.ts';\nimport { y } from '../b.ts';" },
    ],
    ['everything in app', { 'src/main/app/a.ts': "import { x } from '../transports/libp2p/b.ts';" }],
    [
      'types in a circle',
      { 'src/shared/a.ts': "import type { B } from './b.ts';", 'src/shared/b.ts': "import { a } from './a.ts';" },
    ],
  ])('%s', (_name, files) => {
    expect(violations(files)).toEqual([]);
  });
});
