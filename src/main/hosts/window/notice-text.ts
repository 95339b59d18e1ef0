/** What a notification says, by how much the person wants strangers at the screen to read. */
import type { Conversation, Message, Settings } from '../../../shared/model.ts';

export interface NoticeText {
  readonly title: string;
  readonly body: string;
}

const longestBody = 200;

export function noticeText(
  message: Message,
  conversation: Conversation,
  detail: Settings['notifications'],
): NoticeText | null {
  if (detail === 'none') return null;
  if (detail === 'name' || message.kind !== 'text') return { title: conversation.title, body: 'New message' };
  const letters = [...message.body];
  const body = letters.length > longestBody ? `${letters.slice(0, longestBody).join('')}…` : message.body;
  return { title: conversation.title, body };
}
