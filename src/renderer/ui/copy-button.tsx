import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import { ui } from '../i18n/ui.ts';
import { Button } from './button.tsx';
import { Icon } from './icon.tsx';

interface CopyLook {
  readonly label: string;
  readonly small?: boolean;
  /** Where it takes the place of what had the focus. */
  readonly autoFocus?: boolean;
}

export function CopyButton({ text, ...look }: CopyLook & { readonly text: string }) {
  return <CopyAction {...look} copy={() => copyText(text)} />;
}

/** For what the clipboard may refuse: then nothing is said to be copied. */
export function CopyPictureButton({ picture, ...look }: CopyLook & { readonly picture: () => Promise<Blob> }) {
  return <CopyAction {...look} copy={() => copyPicture(picture)} />;
}

function CopyAction({
  copy,
  label,
  small = false,
  autoFocus = false,
}: CopyLook & { readonly copy: () => Promise<boolean> }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 2000);
    return () => clearTimeout(timer);
  }, [copied]);

  async function press(): Promise<void> {
    setCopied(await copy());
  }
  return (
    <Button small={small} autoFocus={autoFocus} onPress={() => void press()}>
      <Icon of={copied ? Check : Copy} size={small ? 14 : 18} />
      <span aria-live="polite">{copied ? ui.copied : label}</span>
    </Button>
  );
}

async function copyPicture(picture: () => Promise<Blob>): Promise<boolean> {
  try {
    await navigator.clipboard.write([new ClipboardItem({ 'image/png': picture() })]);
    return true;
  } catch {
    return false;
  }
}

/** The clipboard API needs a permission that a host may deny; a selected, focused field may always be copied. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const before = document.activeElement;
    const field = document.createElement('textarea');
    field.value = text;
    field.className = 'visually-hidden';
    (before?.closest('[role=dialog]') ?? document.body).append(field);
    field.select();
    const done = document.execCommand('copy');
    field.remove();
    if (before instanceof HTMLElement) before.focus();
    return done;
  }
}
