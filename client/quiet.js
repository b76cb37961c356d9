import { edit, walk } from './names.js';

/** Files whose errors nobody reads: what catches them only looks whether there is one. */
const FILES =
  /[\\/](?:proto[\\/]src[\\/]\w+|client[\\/]src[\\/](?:signaling[\\/]sdp|sources[\\/]manifest))\.ts$/;

/** What makes an error in them. Others, like ZfError, are for pages. */
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
export const quietErrors = {
  name: 'quiet-errors',
  transform(code, id) {
    if (!FILES.test(id)) return null;
    return { code: withoutTexts(code, (text) => this.parse(text)), map: null };
  },
};
