/** Reads the other side's code: from the camera, a picture, or the clipboard. */
import { Camera, CameraOff, ImageUp, ScanQrCode, SwitchCamera } from 'lucide-react';
import { type DragEvent, type ReactElement, useEffect, useEffectEvent, useRef, useState } from 'react';
import { trust as words } from '../../i18n/trust.ts';
import { Button, IconButton } from '../../ui/button.tsx';
import { Icon } from '../../ui/icon.tsx';
import { Notice } from '../../ui/notice.tsx';
import { TextField } from '../../ui/text-field.tsx';
import { readPicture } from './read-code.ts';
import { type CameraTrouble, useCamera } from './use-camera.ts';

interface ScanTheirsProps {
  readonly title: string;
  /** Where the other side finds it. */
  readonly where: string;
  /** Text of a code or a link, whatever it says; false: go on looking. */
  readonly onText: (text: string) => boolean;
  /** What was wrong with what was found last. */
  readonly problem: ReactElement | null;
  readonly onNewTry: () => void;
}

type Trouble = { readonly what: string; readonly action: string };

const cameraTrouble: Record<CameraTrouble, Trouble> = {
  refused: { what: words.camera.refused, action: words.camera.refusedAction },
  none: { what: words.camera.none, action: words.camera.noneAction },
  busy: { what: words.camera.busy, action: words.camera.busyAction },
};
const pictureTrouble = {
  'no-code': { what: words.notACode.picture, action: words.notACode.pictureAction },
  'not-a-picture': { what: words.notACode.unreadable, action: words.notACode.unreadableAction },
};

export function ScanTheirs({ title, where, onText, problem, onNewTry }: ScanTheirsProps) {
  const video = useRef<HTMLVideoElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const [reading, setReading] = useState(false);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const [dropping, setDropping] = useState(false);
  const [typed, setTyped] = useState('');
  const { camera, start, stop } = useCamera(video, (text) => {
    if (onText(text)) stop();
  });

  function beginTry(): void {
    setTrouble(null);
    onNewTry();
  }
  function look(text: string): void {
    beginTry();
    if (onText(text)) stop();
  }
  async function readFile(file: Blob): Promise<void> {
    beginTry();
    setReading(true);
    const result = await readPicture(file);
    setReading(false);
    if (typeof result === 'string') setTrouble(pictureTrouble[result]);
    else look(result.text);
  }
  /** A picture before a text: whoever copies a picture in a browser has its address beside it. */
  function take(data: DataTransfer): boolean {
    const file = [...data.files][0];
    const text = data.getData('text/plain');
    if (file !== undefined) void readFile(file);
    else if (text.trim() !== '') look(text);
    return file !== undefined || text.trim() !== '';
  }
  // Where nothing is being typed, the browser tells the page of a paste and not the control that has the focus.
  const paste = useEffectEvent((event: ClipboardEvent) => {
    if (event.clipboardData === null || !take(event.clipboardData)) return;
    event.preventDefault();
    setTyped('');
  });
  useEffect(() => {
    const onPaste = (event: ClipboardEvent) => paste(event);
    document.addEventListener('paste', onPaste);
    return () => document.removeEventListener('paste', onPaste);
  }, []);
  function onDrop(event: DragEvent): void {
    event.preventDefault();
    setDropping(false);
    take(event.dataTransfer);
  }
  const shown = camera.state === 'failed' ? cameraTrouble[camera.trouble] : trouble;
  const said = shown === null ? problem : <Notice what={shown.what} action={shown.action} />;
  return (
    <section
      className="code-side"
      aria-labelledby="their-code"
      onDragOver={(event) => {
        event.preventDefault();
        setDropping(true);
      }}
      onDragLeave={() => setDropping(false)}
      onDrop={onDrop}
    >
      <h3 id="their-code" className="code-title">
        {title}
      </h3>
      <p className="code-hint muted small">{where}</p>
      <div className="code-frame" data-dropping={dropping || undefined} data-live={camera.state === 'on' || undefined}>
        {camera.state === 'on' ? (
          <video ref={video} className="camera" muted playsInline aria-label={words.theirs.preview} />
        ) : (
          <div className="code-idle">
            {said ?? <Icon of={ScanQrCode} size={40} />}
            {dropping ? (
              <p>{words.theirs.drop}</p>
            ) : reading || camera.state === 'starting' ? (
              <p role="status">{reading ? words.theirs.reading : words.theirs.starting}</p>
            ) : (
              <>
                <Button
                  kind="primary"
                  onPress={() => {
                    beginTry();
                    void start();
                  }}
                >
                  <Icon of={Camera} />
                  {words.theirs.useCamera}
                </Button>
                <p className="small">{words.theirs.orDrop}</p>
              </>
            )}
          </div>
        )}
        {camera.state === 'on' ? (
          <div className="camera-actions">
            {camera.others[0] === undefined ? null : (
              <IconButton label={words.theirs.otherCamera} onPress={() => void start(camera.others[0])}>
                <Icon of={SwitchCamera} />
              </IconButton>
            )}
            <IconButton autoFocus label={words.theirs.stopCamera} onPress={stop}>
              <Icon of={CameraOff} />
            </IconButton>
          </div>
        ) : null}
      </div>
      {camera.state !== 'on'
        ? null
        : (said ?? (
            <p className="muted small" role="status">
              {words.theirs.looking}
            </p>
          ))}
      <div className="code-actions">
        <Button small isDisabled={reading} onPress={() => picker.current?.click()}>
          <Icon of={ImageUp} size={14} />
          {words.theirs.choosePicture}
        </Button>
        <input
          ref={picker}
          type="file"
          accept="image/*"
          hidden
          onChange={(event) => {
            const file = event.target.files?.[0];
            if (file !== undefined) void readFile(file);
            // The same file chosen again is a new try.
            event.target.value = '';
          }}
        />
      </div>
      <form
        className="code-paste"
        onSubmit={(event) => {
          event.preventDefault();
          if (typed.trim() !== '') look(typed);
        }}
      >
        <TextField
          label={words.theirs.paste}
          placeholder={words.theirs.pastePlaceholder}
          value={typed}
          onChange={setTyped}
          spellCheck="false"
        />
        {typed.trim() === '' ? null : <Button type="submit">{words.theirs.check}</Button>}
      </form>
    </section>
  );
}
