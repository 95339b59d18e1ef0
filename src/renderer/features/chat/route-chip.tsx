/** Where the next message would go, always visible; opens who could see what, and the pin. */
import { EyeOff, FileLock2, LockOpen, Server, Wifi } from 'lucide-react';
import { Button as AriaButton } from 'react-aria-components/Button';
import { Dialog, DialogTrigger } from 'react-aria-components/Dialog';
import { Heading } from 'react-aria-components/Heading';
import { Popover } from 'react-aria-components/Popover';
import type { Conversation } from '../../../shared/model.ts';
import type { RoutePlan } from '../../../shared/routing.ts';
import { chat } from '../../i18n/chat.ts';
import { cleanLine } from '../../ui/clean-text.ts';
import { Icon } from '../../ui/icon.tsx';
import { RouteIcon } from './route-icon.tsx';
import { RoutePin } from './route-pin.tsx';
import { chipWords, nextWords, type Sight, whoSeesWhat } from './route-words.ts';

interface RouteChipProps {
  readonly conversation: Conversation;
  readonly plan: RoutePlan;
  readonly server: string | null;
}

export function RouteChip({ conversation, plan, server }: RouteChipProps) {
  const words = chipWords(plan, server);
  const [first, ...rest] = words.split(' · ');
  return (
    <DialogTrigger>
      <AriaButton className="route-chip" data-route={plan.summary} aria-label={chat.route.chipLabel(words)}>
        <RouteIcon route={plan.summary} />
        <span>
          {first}
          {rest.length === 0 ? null : <span className="route-chip-rest"> · {rest.join(' · ')}</span>}
        </span>
      </AriaButton>
      <Popover className="popover" placement="bottom end">
        <Dialog className="popover-inner">
          <Heading slot="title" level={2} className="popover-title">
            {chat.route.popoverTitle}
          </Heading>
          <WhoSeesWhat conversation={conversation} plan={plan} server={server} />
          <div className="route-pin">
            <RoutePin conversation={conversation} />
          </div>
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
}

const sightIcons = { content: FileLock2, server: Server, network: Wifi, nobody: EyeOff };

function sightIcon(sight: Sight, plain: boolean) {
  return sight.who === 'content' && plain ? LockOpen : sightIcons[sight.who];
}

export function WhoSeesWhat({ conversation, plan, server }: RouteChipProps) {
  const name = cleanLine(conversation.title);
  return (
    <ul className="sights">
      <li>
        <RouteIcon route={plan.summary} size={18} />
        <span>
          {chat.route.next} {nextWords(plan, server)}
          {plan.summary !== 'waiting' && plan.wait.length > 0
            ? ` ${chat.route.waitingDevices(plan.wait.length)}`
            : null}
        </span>
      </li>
      {whoSeesWhat(plan, conversation.encryption, name, server).map((sight) => (
        <li key={sight.who}>
          <Icon of={sightIcon(sight, conversation.encryption === 'none')} />
          <span>{sight.words}</span>
        </li>
      ))}
    </ul>
  );
}
