/**
 * A second start on a profile that is open already gives way to the first, and leaves it the link it was started with.
 * They meet at a socket in the profile's folder, which only this user may enter (mode 0700). Electron has its own way.
 */
import { rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import * as v from 'valibot';

const name = 'window.socket';
/** `sun_path` holds 104 bytes on macOS and 108 on Linux, the final zero among them. */
const longestPath = 103;
const longestHandover = 20_000;
/** The other side is on this computer and writes at once. */
const longestWait = 5000;
const handoverSchema = v.pipe(v.string(), v.parseJson(), v.strictObject({ link: v.nullable(v.string()) }));

/** Null where there is no such place: then a second start finds the profile in use. */
function meetingPlace(profileDirectory: string): string | null {
  const path = join(profileDirectory, name);
  // Pipes of Windows have names that anybody can take first.
  return process.platform === 'win32' || Buffer.byteLength(path) > longestPath ? null : path;
}

/** Whether another process has this profile's window open, and has taken over what this one was started for. */
export function giveWay(profileDirectory: string, link: string | null): Promise<boolean> {
  const path = meetingPlace(profileDirectory);
  if (path === null) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = connect(path);
    let answer = '';
    socket.setEncoding('utf8');
    socket.setTimeout(longestWait, () => socket.destroy());
    socket.on('connect', () => socket.end(JSON.stringify({ link })));
    socket.on('data', (text: string) => {
      answer += text;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer === 'taken'));
  });
}

/** Listens for second starts until the end; `link`: what it was started with. */
export async function meetSecondStarts(
  profileDirectory: string,
  listener: (link: string | null) => void,
): Promise<() => Promise<void>> {
  const path = meetingPlace(profileDirectory);
  if (path === null) return async () => undefined;
  // Nobody answered there, or this process would have given way: it was left by one that was killed.
  await rm(path, { force: true });
  const server = createServer({ allowHalfOpen: true }, (socket) => hear(socket, listener));
  await listen(server, path);
  return () => new Promise((resolve) => server.close(() => resolve()));
}

function hear(socket: Socket, listener: (link: string | null) => void): void {
  let text = '';
  socket.setEncoding('utf8');
  socket.setTimeout(longestWait, () => socket.destroy());
  socket.on('error', () => undefined);
  socket.on('data', (part: string) => {
    text += part;
    if (text.length > longestHandover) socket.destroy();
  });
  socket.on('end', () => {
    const handover = v.safeParse(handoverSchema, text);
    if (!handover.success) {
      socket.destroy();
      return;
    }
    listener(handover.output.link);
    socket.end('taken');
  });
}

/** A folder where no socket can be made (some network drives) costs only this. */
function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve) => {
    server.once('error', () => resolve());
    server.listen(path, () => resolve());
  });
}
