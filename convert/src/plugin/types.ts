/**
 * What the plugin uses of Rollup and Vite, in types of its own: whoever has one of them need not have the other.
 * The test gives it to both.
 */

/** Of an output, as Rollup calls it. */
export interface OutputOptions {
  readonly dir?: string | undefined;
  readonly file?: string | undefined;
}

/** `this` in hooks. */
export interface HookContext {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): never;
}

/** Of Vite's configuration, resolved. */
export interface ViteConfig {
  readonly root: string;
  readonly base: string;
}

/** A plugin that Rollup 4 and Vite take. */
export interface ZauberflotePlugin {
  readonly name: 'zauberflote';
  readonly apply: 'build';
  readonly enforce: 'post';
  configResolved(config: ViteConfig): void;
  applyToEnvironment(environment: { readonly config: { readonly consumer: string } }): boolean;
  buildStart(this: HookContext): void;
  renderStart(): void;
  renderError(): void;
  generateBundle(options: OutputOptions, bundle: unknown, isWrite: boolean): void;
  readonly writeBundle: {
    readonly order: 'post';
    readonly sequential: true;
    handler(this: HookContext, output: OutputOptions): Promise<void>;
  };
  closeBundle(this: HookContext): void;
}
