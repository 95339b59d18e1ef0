/** Which links may leave the app. */

/** The link, when it may be opened in the person's browser: http or https, and no user name hidden before the host. */
export function externalLink(url: URL): string | null {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return null;
  if (url.username !== '' || url.password !== '') return null;
  return url.href;
}
