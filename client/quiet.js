import { edit, walk } from './names.js';

/** What makes an error in `proto/`. */
const MAKERS = /^(?:Error|RangeError|ProtocolError|malformed)$/;

/**
 * Takes the texts out of errors. What breaks the protocol ends a connection without anybody being
 * told: the texts are for those who run a tracker or read a test, not for pages.
 */
export function withoutTexts(code, parse) {
  const edits = [];
  walk(parse(code), ({ type, callee, arguments: args }) => {
    if (!/^(?:New|Call)Expression$/.test(type) || !MAKERS.test(callee.name)) return;
    const text = args.at(-1);
    const isText = text?.type === 'TemplateLiteral' || typeof text?.value === 'string';
    if (isText) edits.push([args.at(-2)?.end ?? text.start, text.end, '']);
  });
  return edit(code, edits);
}

/** Rollup plugin. */
export const quietProtocol = {
  name: 'quiet-protocol',
  transform(code, id) {
    if (!/[\\/]proto[\\/]src[\\/]/.test(id)) return null;
    return { code: withoutTexts(code, (text) => this.parse(text)), map: null };
  },
};
