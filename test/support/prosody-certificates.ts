/** A certificate authority of the tests' own, made with the openssl command in a folder that the caller removes. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface TestAuthority {
  /** PEM, to be trusted by clients and other servers. */
  readonly ca: string;
  readonly caPath: string;
  /** A key and certificate valid for these DNS names; `days` below 1 makes one that has expired. */
  issue(names: readonly string[], days?: number): Promise<{ keyPath: string; certificatePath: string }>;
}

async function openssl(args: readonly string[]): Promise<void> {
  try {
    await run('openssl', args);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new Error('openssl is not installed (Debian: apt-get install openssl)');
    }
    throw error;
  }
}

export async function createTestAuthority(directory: string): Promise<TestAuthority> {
  const caKey = join(directory, 'ca.key');
  const caPath = join(directory, 'ca.pem');
  await openssl([
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'],
    ...['-keyout', caKey, '-out', caPath, '-subj', '/CN=Bothy test authority'],
    ...['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign'],
  ]);
  const issue = async (names: readonly string[], days = 30) => {
    const base = join(directory, randomUUID());
    const keyPath = `${base}.key`;
    const certificatePath = `${base}.crt`;
    const extensions = `${base}.ext`;
    const subjectAltNames = names.map((name) => `DNS:${name}`).join(',');
    await writeFile(
      extensions,
      `subjectAltName=${subjectAltNames}\nextendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=CA:FALSE\n`,
    );
    await openssl([
      ...['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-keyout', keyPath, '-out', `${base}.csr`, '-subj', `/CN=${names[0] ?? 'test'}`],
    ]);
    await openssl([
      ...['x509', '-req', '-in', `${base}.csr`, '-CA', caPath, '-CAkey', caKey, '-CAcreateserial'],
      ...['-out', certificatePath, '-days', String(days), '-extfile', extensions],
    ]);
    return { keyPath, certificatePath };
  };
  return { ca: await readFile(caPath, 'utf8'), caPath, issue };
}
