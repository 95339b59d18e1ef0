/**
 * Who may import whom (docs/decisions/0003-layers.md). Parses every source file and reports each import that crosses
 * a layer it may not, each cycle, each barrel file and each folder named after nothing.
 *
 * node scripts/check-imports.ts
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseSync } from 'oxc-parser';

/** What a layer may import: the whole of another, or its types only. Its own folder is always allowed. */
interface Layer {
  readonly folder: string;
  readonly may: readonly string[];
  readonly typesFrom?: readonly string[];
}

/** The longest matching folder decides. `src/main` covers the entry file. */
const layers: readonly Layer[] = [
  { folder: 'src/shared', may: [] },
  { folder: 'src/renderer', may: ['src/shared'] },
  { folder: 'src/main', may: ['src/main/hosts'] },
  { folder: 'src/main/xml', may: ['src/shared'] },
  { folder: 'src/main/hosts', may: ['src/main/app', 'src/shared'] },
  {
    folder: 'src/main/app',
    may: [
      'src/main/messaging',
      'src/main/nearby',
      'src/main/transports',
      'src/main/e2ee',
      'src/main/storage',
      'src/shared',
    ],
  },
  {
    folder: 'src/main/messaging',
    may: ['src/main/xml', 'src/shared'],
    typesFrom: ['src/main/transports', 'src/main/e2ee', 'src/main/storage', 'src/main/nearby', 'src/main/app/ports.ts'],
  },
  {
    folder: 'src/main/nearby',
    may: ['src/shared'],
    typesFrom: ['src/main/transports', 'src/main/e2ee', 'src/main/storage'],
  },
  { folder: 'src/main/transports', may: ['src/main/xml', 'src/shared'], typesFrom: ['src/main/nearby/types.ts'] },
  {
    folder: 'src/main/transports/xmpp',
    may: ['src/main/transports/*', 'src/main/xml', 'src/shared'],
    typesFrom: ['src/main/nearby/types.ts'],
  },
  {
    folder: 'src/main/transports/libp2p',
    may: ['src/main/transports/*', 'src/main/xml', 'src/shared'],
    typesFrom: ['src/main/nearby/types.ts'],
  },
  { folder: 'src/main/e2ee', may: ['src/shared'] },
  { folder: 'src/main/storage', may: ['src/shared'], typesFrom: ['src/main/e2ee'] },
];

/** Folders that stand on each other, the lowest first: a file may import, types included, from its own floor and below. */
const floors: readonly { readonly folder: string; readonly lowestFirst: readonly string[] }[] = [
  {
    folder: 'src/main/messaging',
    lowestFirst: ['envelope', 'timeline', 'devices', 'sending', 'trust', 'repair', 'receiving'],
  },
];

/** Packages that only one place may touch. */
const packageRules: readonly { readonly names: RegExp; readonly only: readonly string[] }[] = [
  { names: /^electron(\/|$)/, only: ['src/main/hosts/electron'] },
  { names: /^(libsodium|sodium-native$|node:crypto$|crypto$)/, only: ['src/main/e2ee/primitives', 'src/main/!e2ee'] },
  { names: /^@signalapp\/sqlcipher$/, only: ['src/main/storage'] },
  { names: /^@xmpp\/(?!xml$)/, only: ['src/main/transports/xmpp'] },
  { names: /^(libp2p$|@libp2p\/|@chainsafe\/)/, only: ['src/main/transports/libp2p'] },
  { names: /^(node:|bun:)/, only: ['src/main'] },
];

const emptyNames = new Set(['utils', 'util', 'helpers', 'common', 'misc', 'manager', 'managers', 'lib']);
const barrelName = /(^|\/)index\.tsx?$/;

export interface SourceImport {
  readonly specifier: string;
  readonly typeOnly: boolean;
  /** `import()` runs later: it is bound by the layers, and makes no cycle. */
  readonly dynamic: boolean;
}

/** Path from the project's root, with `/` → what it imports. */
export type Sources = ReadonlyMap<string, readonly SourceImport[]>;

export function importsOf(path: string, code: string): SourceImport[] {
  const { module, errors } = parseSync(path, code);
  if (errors.length > 0) throw new Error(`${path} does not parse: ${errors[0]?.message ?? ''}`);
  const imports: SourceImport[] = module.staticImports.map((statement) => ({
    specifier: statement.moduleRequest.value,
    typeOnly: statement.entries.length > 0 && statement.entries.every((entry) => entry.isType),
    dynamic: false,
  }));
  for (const statement of module.staticExports) {
    for (const entry of statement.entries) {
      if (entry.moduleRequest === null || entry.moduleRequest === undefined) continue;
      imports.push({ specifier: entry.moduleRequest.value, typeOnly: entry.isType, dynamic: false });
    }
  }
  for (const call of module.dynamicImports) {
    const literal = /^['"`]([^'"`$]+)['"`]$/.exec(code.slice(call.moduleRequest.start, call.moduleRequest.end));
    if (literal?.[1] !== undefined) imports.push({ specifier: literal[1], typeOnly: false, dynamic: true });
  }
  return imports;
}

/** Every violation, one sentence each; empty when all is well. */
export function importViolations(sources: Sources): string[] {
  const found: string[] = [];
  for (const [path, imports] of sources) {
    const layer = layerOf(path);
    if (barrelName.test(path)) found.push(`${path}: no barrel files; name the file after what it holds`);
    const empty = path.split('/').find((part) => emptyNames.has(part));
    if (empty !== undefined) found.push(`${path}: a folder named "${empty}" says nothing about what is in it`);
    for (const entry of imports) {
      const target = targetOf(path, entry.specifier);
      if (target === null) {
        const broken = packageViolation(path, entry);
        if (broken !== null) found.push(broken);
      } else if (!target.startsWith('src/')) {
        found.push(`${path} imports ${target}, which is not part of the product`);
      } else if (layer !== null && !mayImport(layer, target, entry.typeOnly)) {
        const kind = entry.typeOnly ? 'types of ' : '';
        found.push(`${path} (${layer.folder}) may not import ${kind}${target}`);
      } else if (isUpstairs(path, target)) {
        found.push(`${path} may not import ${target}, which stands above it`);
      }
    }
  }
  return [...found, ...cycles(sources)];
}

function layerOf(path: string): Layer | null {
  const matching = layers.filter((layer) => path.startsWith(`${layer.folder}/`));
  return matching.sort((a, b) => b.folder.length - a.folder.length)[0] ?? null;
}

/** Path of what a relative import names; null for a package. */
function targetOf(path: string, specifier: string): string | null {
  return specifier.startsWith('.') ? posix.normalize(posix.join(posix.dirname(path), specifier)) : null;
}

function mayImport(layer: Layer, target: string, typeOnly: boolean): boolean {
  const rules = [layer.folder, ...layer.may, ...(typeOnly ? (layer.typesFrom ?? []) : [])];
  return rules.some((rule) => {
    if (rule.endsWith('/*')) return posix.dirname(target) === rule.slice(0, -2);
    return target === rule || target.startsWith(`${rule}/`);
  });
}

/** Files beside the floors belong to the ground that all stand on. */
function isUpstairs(path: string, target: string): boolean {
  return floors.some(({ folder, lowestFirst }) => {
    const floorOf = (file: string): number => lowestFirst.findIndex((name) => file.startsWith(`${folder}/${name}/`));
    return path.startsWith(`${folder}/`) && floorOf(target) > floorOf(path);
  });
}

function packageViolation(path: string, entry: SourceImport): string | null {
  for (const rule of packageRules) {
    if (!rule.names.test(entry.specifier)) continue;
    const allowed = rule.only.some((place) => {
      const [base, except] = place.split('/!');
      if (base === undefined || !path.startsWith(`${base}/`)) return false;
      return except === undefined || !path.startsWith(`${base}/${except}/`);
    });
    if (!allowed && !(entry.typeOnly && rule.names.source.startsWith('^@xmpp'))) {
      return `${path} may not import ${entry.specifier}; only ${rule.only.join(' or ')} may`;
    }
  }
  return null;
}

/** Circles of imports that are evaluated at load time. Types are erased and make none. */
function cycles(sources: Sources): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string): void => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      found.push(`cycle: ${[...trail.slice(start), path].join(' → ')}`);
      return;
    }
    if (done.has(path)) return;
    trail.push(path);
    for (const entry of sources.get(path) ?? []) {
      const target = targetOf(path, entry.specifier);
      if (target !== null && !entry.typeOnly && !entry.dynamic && sources.has(target)) visit(target);
    }
    trail.pop();
    done.add(path);
  };
  for (const path of sources.keys()) visit(path);
  return found;
}

export function readSources(root: string): Map<string, SourceImport[]> {
  const sources = new Map<string, SourceImport[]>();
  for (const entry of readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.tsx?$/.test(entry.name) || entry.name.endsWith('.d.ts')) continue;
    const file = join(entry.parentPath, entry.name);
    const path = relative(root, file).split('\\').join('/');
    sources.set(path, importsOf(path, readFileSync(file, 'utf8')));
  }
  return sources;
}

function missingTargets(root: string, sources: Sources): string[] {
  const found: string[] = [];
  for (const [path, imports] of sources) {
    for (const { specifier } of imports) {
      const target = targetOf(path, specifier);
      if (target !== null && !existsSync(join(root, target)))
        found.push(`${path} imports ${target}, which is not there`);
    }
  }
  return found;
}

if (import.meta.main) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  const sources = readSources(root);
  const violations = [...importViolations(sources), ...missingTargets(root, sources)];
  for (const violation of violations) console.error(violation);
  if (violations.length > 0) process.exitCode = 1;
  else console.log(`Imports: ${sources.size} files, all within their layers, no cycles.`);
}
