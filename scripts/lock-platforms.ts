/**
 * Keeps package-lock.json installable on every platform. Packages with native parts name one optional package per
 * platform; where a registry does not offer some of them, npm leaves them out of the lock file, and `npm ci` then
 * refuses the lock file as incomplete. This adds what is missing: name, exact version, and the platform in its name.
 *
 * node scripts/lock-platforms.ts --check   fails when something is missing
 * node scripts/lock-platforms.ts           adds it
 */
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';

interface LockEntry {
  version?: string;
  optional?: boolean;
  dev?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

interface Lock {
  packages: Record<string, LockEntry>;
}

const systems = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const processors: Record<string, string> = {
  arm: 'arm',
  arm64: 'arm64',
  ia32: 'ia32',
  ppc64: 'ppc64',
  riscv64: 'riscv64',
  s390x: 's390x',
  x64: 'x64',
};

/** The entry for a platform package such as `@scope/binding-linux-x64-musl`, or null when its name tells no platform. */
export function platformEntry(name: string, version: string, dev: boolean): LockEntry | null {
  const words = name.slice(name.indexOf('/') + 1).split('-');
  const system = systems.find((word) => words.includes(word));
  const processor = words.map((word) => processors[word]).find((word) => word !== undefined);
  if (system === undefined || processor === undefined || !/^\d+\.\d+\.\d+/.test(version)) return null;
  return {
    version,
    cpu: [processor],
    ...(dev ? { dev } : {}),
    ...(system === 'linux' && words.some((word) => word.startsWith('musl')) ? { libc: ['musl'] } : {}),
    optional: true,
    os: [system],
  };
}

/** What the lock file names as optional and does not contain. */
export function missingPlatforms(lock: Lock): Map<string, LockEntry | null> {
  const missing = new Map<string, LockEntry | null>();
  for (const [path, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const nested = `${path}/node_modules/${name}`;
      const top = `node_modules/${name}`;
      if (nested in lock.packages || top in lock.packages) continue;
      missing.set(top, platformEntry(name, version, entry.dev === true));
    }
  }
  return missing;
}

function run(): void {
  const lockFile = new URL('../package-lock.json', import.meta.url);
  const lock = JSON.parse(readFileSync(lockFile, 'utf8')) as Lock;
  const missing = missingPlatforms(lock);
  const unknown = [...missing].filter(([, entry]) => entry === null).map(([path]) => path);
  if (unknown.length > 0) {
    console.error(`package-lock.json lacks optional packages whose platform is unknown: ${unknown.join(', ')}`);
    process.exitCode = 1;
    return;
  }
  if (missing.size === 0) return;
  if (process.argv.includes('--check')) {
    console.error(
      `package-lock.json lacks ${missing.size} platform packages, so npm ci would refuse it; run npm run fix.`,
    );
    process.exitCode = 1;
    return;
  }
  for (const [path, entry] of missing) if (entry !== null) lock.packages[path] = entry;
  const [root, ...others] = Object.entries(lock.packages);
  if (root === undefined) return;
  others.sort(([a], [b]) => a.localeCompare(b, 'en'));
  lock.packages = Object.fromEntries([root, ...others]);
  writeFileSync(lockFile, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`Added ${missing.size} platform packages to package-lock.json.`);
}

if (import.meta.main) run();
