/** The camera while something scans: asked for by a press, looked at a few times a second, off the moment it is not needed. */
import { type RefObject, useCallback, useEffect, useRef, useState } from 'react';
import { findCamera } from '../../state/bridge.ts';
import { readFrame } from './read-code.ts';

export type CameraTrouble = 'refused' | 'none' | 'busy';

export type CameraState =
  | { readonly state: 'off' | 'starting' }
  /** `others`: ids of further cameras. */
  | { readonly state: 'on'; readonly others: readonly string[] }
  | { readonly state: 'failed'; readonly trouble: CameraTrouble };

interface Camera {
  readonly camera: CameraState;
  readonly start: (deviceId?: string) => Promise<void>;
  readonly stop: () => void;
}

/** Frames are looked at this often, in milliseconds: as often as a hand steadies, with most of the time left over. */
const lookEvery = 120;
const largestFrame = 1280;

/** Each text found is told once until another one is found; it stays on until stopped. */
export function useCamera(video: RefObject<HTMLVideoElement | null>, onText: (text: string) => void): Camera {
  const [camera, setCamera] = useState<CameraState>({ state: 'off' });
  const running = useRef<MediaStream | null>(null);
  /** Counts starts and stops: what a start that was overtaken brings is thrown away. */
  const turn = useRef(0);
  const found = useRef(onText);
  found.current = onText;

  const end = useCallback(() => {
    turn.current += 1;
    if (running.current !== null) for (const track of running.current.getTracks()) track.stop();
    running.current = null;
    findCamera()?.close();
  }, []);
  const stop = useCallback(() => {
    end();
    setCamera({ state: 'off' });
  }, [end]);
  useEffect(() => end, [end]);

  const start = useCallback(
    async (deviceId?: string) => {
      end();
      const mine = turn.current;
      const overtaken = () => turn.current !== mine;
      setCamera({ state: 'starting' });
      const opened = await open(deviceId);
      if (overtaken()) {
        if (typeof opened !== 'string') for (const track of opened.getTracks()) track.stop();
        return;
      }
      if (typeof opened === 'string') {
        end();
        setCamera({ state: 'failed', trouble: opened });
        return;
      }
      running.current = opened;
      opened.getVideoTracks()[0]?.addEventListener('ended', () => {
        if (running.current !== opened) return;
        end();
        setCamera({ state: 'failed', trouble: 'busy' });
      });
      const others = await otherCameras(opened);
      if (overtaken()) return;
      setCamera({ state: 'on', others });
    },
    [end],
  );

  const on = camera.state === 'on';
  useEffect(() => {
    const element = video.current;
    if (!on || element === null || running.current === null) return;
    element.srcObject = running.current;
    void element.play().catch(() => undefined);
    return watch(element, (text) => found.current(text));
  }, [on, video]);

  return { camera, start, stop };
}

async function open(deviceId: string | undefined): Promise<MediaStream | CameraTrouble> {
  const host = findCamera();
  if (host !== null && !(await host.open())) return 'refused';
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: {
        width: { ideal: 1280 },
        height: { ideal: 720 },
        ...(deviceId === undefined ? { facingMode: 'environment' } : { deviceId: { exact: deviceId } }),
      },
    });
  } catch (error) {
    const name = error instanceof DOMException ? error.name : '';
    if (name === 'NotAllowedError') return 'refused';
    return name === 'NotFoundError' || name === 'OverconstrainedError' ? 'none' : 'busy';
  }
}

async function otherCameras(stream: MediaStream): Promise<string[]> {
  const current = stream.getVideoTracks()[0]?.getSettings().deviceId;
  const devices = await navigator.mediaDevices.enumerateDevices().catch(() => []);
  return devices
    .filter(({ kind, deviceId }) => kind === 'videoinput' && deviceId !== '' && deviceId !== current)
    .map(({ deviceId }) => deviceId);
}

/** Returns the function that ends the watching. */
function watch(video: HTMLVideoElement, onText: (text: string) => void): () => void {
  let last: string | null = null;
  const canvas = new OffscreenCanvas(1, 1);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const look = (): void => {
    if (context === null || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || video.videoWidth === 0) return;
    const scale = Math.min(1, largestFrame / Math.max(video.videoWidth, video.videoHeight));
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    context.drawImage(video, 0, 0, canvas.width, canvas.height);
    const text = readFrame(context.getImageData(0, 0, canvas.width, canvas.height));
    if (text === null || text === last) return;
    last = text;
    onText(text);
  };
  const timer = setInterval(look, lookEvery);
  return () => clearInterval(timer);
}
