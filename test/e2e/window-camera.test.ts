/** Scanning with a camera: Chromium's fake one, which sees a picture of a code. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright';
import { afterAll, describe, expect, it } from 'vitest';
import { writeCameraFile } from '../support/code-picture.ts';
import { fakeDevice, trustUri } from '../support/fake-bridge.ts';
import { openConversation, windowSuite } from '../support/window-suite.ts';

const folder = mkdtempSync(join(tmpdir(), 'bothy-camera-'));
const film = join(folder, 'code.y4m');
writeCameraFile(film, trustUri('juliet@example.net', [fakeDevice('self', 11), fakeDevice('self', 12)]));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const { open } = windowSuite(['--use-fake-device-for-media-stream', `--use-file-for-fake-video-capture=${film}`]);

const startCamera = (page: Page) => page.getByRole('button', { name: 'Use the camera' }).click();

async function openVerify(page: Page, name: string): Promise<void> {
  await openConversation(page, name);
  await page.getByRole('button', { name: /Show devices/ }).click();
  await page.getByRole('button', { name: /^Verify/ }).click();
  await page.getByRole('img', { name: 'Your code to scan' }).waitFor();
  // What is asked of the camera, and what was given, so that the test sees when it is let go.
  await page.evaluate(() => {
    const tracks: MediaStreamTrack[] = [];
    const asked: unknown[] = [];
    const media = navigator.mediaDevices;
    const real = media.getUserMedia.bind(media);
    media.getUserMedia = async (constraints) => {
      asked.push(constraints);
      const stream = await real(constraints);
      tracks.push(...stream.getTracks());
      return stream;
    };
    Object.assign(window, { camera: { tracks, asked } });
  });
}

/** Kind and state of every track that was ever given. */
const tracks = (page: Page) =>
  page.evaluate(() =>
    (window as unknown as { camera: { tracks: MediaStreamTrack[] } }).camera.tracks.map(
      (track) => `${track.kind} ${track.readyState}`,
    ),
  );

const allowed = { permissions: ['camera'] };

describe('the camera', () => {
  it('reads their code, and is off as soon as it has', async () => {
    const page = await open('main', allowed);
    await openVerify(page, 'Juliet Capulet');
    expect(await tracks(page)).toEqual([]);
    await startCamera(page);
    await page.getByRole('status').filter({ hasText: 'Juliet Capulet is verified' }).waitFor();
    expect(await tracks(page)).toEqual(['video ended']);
  });

  it('shows what it sees while it looks, and is off the moment the dialog closes', async () => {
    const page = await open('main', allowed);
    await openVerify(page, 'Juliet Capulet');
    await page.evaluate(() => {
      // The application takes its time: the camera goes on meanwhile only if nothing was found.
      OffscreenCanvasRenderingContext2D.prototype.getImageData = () => new ImageData(64, 64);
    });
    await startCamera(page);
    const preview = page.getByLabel('What the camera sees');
    await preview.waitFor();
    await expect.poll(() => preview.evaluate((video: HTMLVideoElement) => video.videoWidth)).toBeGreaterThan(0);
    await page.getByText('Hold their code in front of the camera.').waitFor();
    expect(await tracks(page)).toEqual(['video live']);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await tracks(page)).toEqual(['video ended']);
  });

  it('is off after “Turn the camera off” and on the other tab', async () => {
    const page = await open('main', allowed);
    await openVerify(page, 'Juliet Capulet');
    await page.evaluate(() => {
      OffscreenCanvasRenderingContext2D.prototype.getImageData = () => new ImageData(64, 64);
    });
    await startCamera(page);
    await page.getByRole('button', { name: 'Turn the camera off' }).click();
    expect(await tracks(page)).toEqual(['video ended']);
    await startCamera(page);
    await page.getByLabel('What the camera sees').waitFor();
    await page.getByRole('tab', { name: 'Compare fingerprints' }).click();
    await expect.poll(() => tracks(page)).toEqual(['video ended', 'video ended']);
  });

  it('that sees somebody else’s code says so and is off', async () => {
    const page = await open('main', allowed);
    await openVerify(page, 'Romeo Montague');
    await startCamera(page);
    await page.getByRole('alert').filter({ hasText: 'This code belongs to somebody else.' }).waitFor();
    expect(await tracks(page)).toEqual(['video ended']);
  });

  it('that may not be used is said plainly, and everything else still works', async () => {
    const page = await open('main');
    await openVerify(page, 'Juliet Capulet');
    await startCamera(page);
    await page.getByRole('alert').filter({ hasText: 'Bothy may not use the camera.' }).waitFor();
    await page.getByRole('button', { name: 'Choose a picture' }).waitFor();
  });
});
