/** What floats above the window: one dialog at a time, closed by Esc or by a click beside it. */
import { ArrowLeft, X } from 'lucide-react';
import type { ReactNode } from 'react';
import { Dialog as AriaDialog } from 'react-aria-components/Dialog';
import { Heading } from 'react-aria-components/Heading';
import { Modal, ModalOverlay } from 'react-aria-components/Modal';
import { ui } from '../i18n/ui.ts';
import { IconButton } from './button.tsx';
import { Icon } from './icon.tsx';
import './dialog.css';

interface DialogProps {
  readonly title: string;
  readonly size?: 'small' | 'large' | 'wide';
  /** Leads to where the person came from inside the same dialog. */
  readonly onBack?: () => void;
  readonly role?: 'dialog' | 'alertdialog';
  readonly onClose: () => void;
  readonly children: ReactNode;
}

export function Dialog({ title, size = 'small', role = 'dialog', onBack, onClose, children }: DialogProps) {
  return (
    <ModalOverlay className="veil" isOpen isDismissable onOpenChange={(open) => open || onClose()}>
      <Modal className="dialog" data-size={size}>
        <AriaDialog className="dialog-inner" role={role}>
          <header className="dialog-header" data-back={onBack === undefined ? undefined : true}>
            {onBack === undefined ? null : (
              <IconButton label={ui.back} onPress={onBack}>
                <Icon of={ArrowLeft} />
              </IconButton>
            )}
            <Heading slot="title" level={2} className="dialog-title">
              {title}
            </Heading>
            <IconButton label={ui.close} onPress={onClose}>
              <Icon of={X} />
            </IconButton>
          </header>
          <div className="dialog-body">{children}</div>
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}
