import { stripTypeScriptTypes } from 'node:module';
import resolve from '@rollup/plugin-node-resolve';
import terser from '@rollup/plugin-terser';
import { compressed } from './compressed.js';
import { shortNames } from './names.js';
import { order } from './order.js';
import { quietErrors } from './quiet.js';

/** The sources use erasable syntax only, so blanking the types is all there is to compile. */
const types = {
  name: 'types',
  transform: (code, id) =>
    id.endsWith('.ts') ? { code: stripTypeScriptTypes(code), map: null } : null,
};

const options = {
  plugins: [types, quietErrors, resolve({ extensions: ['.ts', '.js'] })],
  treeshake: { preset: 'recommended', moduleSideEffects: false },
  onwarn(warning) {
    // Old helpers in @bufbuild/protobuf look for a global `this`; they are shaken out.
    if (warning.code === 'THIS_IS_UNDEFINED') return;
    throw new Error(warning.message);
  },
};

/** @param more options of its own */
const compress = (more = {}) =>
  terser({
    ecma: 2022,
    module: true,
    // Reading a property does nothing else here. What terser puts in place of names compresses worse.
    compress: {
      passes: 3,
      hoist_props: false,
      lhs_constants: false,
      pure_getters: true,
      reduce_funcs: false,
      unsafe: true,
    },
    ...more,
  });

const names = shortNames();
const minify = [
  names.before,
  compress({ mangle: { properties: names.properties } }),
  names.after,
  order,
  compressed,
];

/** What few pages need, in a file of its own. */
const library = (input, file) => ({
  ...options,
  input,
  output: { file: `client/dist/${file}`, format: 'es', plugins: [compress(), compressed] },
});

/** The same for what is no module. */
const classic = (input, file) => ({
  ...options,
  input,
  output: { file: `client/dist/${file}`, format: 'iife', plugins: [compress(), compressed] },
});

export default [
  {
    ...options,
    input: 'client/src/auto.ts',
    output: { file: 'client/dist/zauberflote.js', format: 'iife', plugins: minify },
  },
  {
    ...options,
    input: { zauberflote: 'client/src/index.ts' },
    // A chunk would import what it shares from zauberflote.mjs, and zauberflote.js uses this file, too.
    external: /(?:stylesheet|media-server)\.ts$/,
    output: {
      dir: 'client/dist',
      format: 'es',
      entryFileNames: '[name].mjs',
      chunkFileNames: 'zauberflote-hash.mjs',
      paths: (id) => `./zauberflote-${id.endsWith('stylesheet.ts') ? 'css' : 'media'}.mjs`,
      // Several files: what one of them may shorten, another may use.
      plugins: [compress(), compressed],
    },
  },
  library('client/src/dom/stylesheet.ts', 'zauberflote-css.mjs'),
  library('client/src/dom/media-server.ts', 'zauberflote-media.mjs'),
  classic('client/worker/worker.ts', 'zauberflote-sw.js'),
  classic('client/debug/debug.ts', 'zauberflote-debug.js'),
];
