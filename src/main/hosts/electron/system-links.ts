/**
 * `xmpp:` links that the system opens with this app: as a word of the command line, from a second start that gives way to
 * this one, and on macOS by an event, which may come before anything else is ready. They are handed on as they are.
 */
import { app as electron } from 'electron';
import * as v from 'valibot';
import type { App } from '../../app/create-app.ts';

/** What a second start leaves to the first: words of a command line come in another order, and with others among them. */
const handoverSchema = v.object({ link: v.pipe(v.string(), v.maxLength(20_000)) });

export interface SystemLinks {
  /** For `requestSingleInstanceLock`. */
  readonly handover: Record<string, string>;
  /** Each time there is a new one. */
  onLink(listener: () => void): void;
  /** From now on this application gets them, those that came before first. */
  serve(app: App): void;
}

/** Before Electron is ready: links that start the app are told of at once. `given`: from this command line. */
export function systemLinks(given: string | null): SystemLinks {
  let early: string[] = given === null ? [] : [given];
  let serving: App | null = null;
  let onLink: () => void = () => undefined;
  const take = (link: string): void => {
    if (serving === null) early.push(link);
    else serving.openLink(link);
    onLink();
  };
  // https://www.electronjs.org/docs/latest/api/app#event-open-url-macos
  electron.on('open-url', (event, link) => {
    event.preventDefault();
    take(link);
  });
  electron.on('second-instance', (_event, _words, _folder, handover) => {
    const left = v.safeParse(handoverSchema, handover);
    if (left.success) take(left.output.link);
  });
  return {
    handover: given === null ? {} : { link: given },
    onLink(listener) {
      onLink = listener;
    },
    serve(app) {
      serving = app;
      for (const link of early) app.openLink(link);
      early = [];
    },
  };
}
