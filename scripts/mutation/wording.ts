/** Stryker's rule about texts that are no behaviour. */
import type { Ignorer } from '@stryker-mutator/api/ignore';
import { declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin';

/** As much of Babel's syntax tree as is looked at. */
interface Path {
  readonly node: { readonly type: string };
  readonly parent?: { readonly type: string; readonly callee?: { readonly type: string; readonly name?: string } };
}

/** Makers of failures whose one argument is a detail for whoever reads the log, and of errors that are bugs. */
const withDetail = ['malformed', 'forged', 'badBundle', 'Error', 'RangeError'];

const wording: Ignorer = {
  shouldIgnore(path) {
    const { node, parent } = path as unknown as Path;
    if (node.type !== 'StringLiteral' && node.type !== 'TemplateLiteral') return undefined;
    const name = parent?.callee?.name;
    return name !== undefined && withDetail.includes(name)
      ? 'The wording of a detail is no behaviour; the code of the failure, which is, is another text.'
      : undefined;
  },
};

export const strykerPlugins = [declareValuePlugin(PluginKind.Ignore, 'wording', wording)];
