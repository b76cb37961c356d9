import { edit, walk } from './names.js';

/** What makes an error in `proto/`. */
const MAKERS = /^(?:Error|RangeError|ProtocolError|malformed)$/;

/**
 * Makes all errors alike, without texts and codes. What breaks the protocol ends a connection without
 * anybody being told: they are for those who run a tracker or read a test, not for pages.
 */
export function withoutTexts(code, parse) {
  const edits = [];
  walk(parse(code), ({ type, end, callee }) => {
    if (!/^(?:New|Call)Expression$/.test(type) || !MAKERS.test(callee.name)) return;
    edits.push([callee.start, end, type === 'NewExpression' ? 'Error()' : 'malformed()']);
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
