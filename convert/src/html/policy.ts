import { POLICY_HASHES } from './head.ts';

export interface PolicyNeeds {
  /** Address of zauberflote.js, as in the page. */
  readonly script: string;
  readonly trackers: readonly string[];
  /** Of the site, if it is known. */
  readonly origin: string | undefined;
  /** Pages have twins for those without JavaScript. */
  readonly hasTwins: boolean;
  /** Directives that have to allow `blob:`. */
  readonly blobs: readonly string[];
}

/**
 * What a policy in the page (`<meta http-equiv=Content-Security-Policy>`) lacks for marked elements (docs/guide.md,
 * section 7); empty if they work under it. What headers say is not known here.
 */
export function policyLacks(policy: string, needs: PolicyNeeds): string[] {
  const directives = new Map<string, string[]>();
  for (const directive of policy.split(';')) {
    const [name = '', ...sources] = directive.trim().split(/\s+/);
    if (name && !directives.has(name.toLowerCase())) directives.set(name.toLowerCase(), sources);
  }
  const sources = (...names: string[]) => {
    for (const name of [...names, 'default-src']) {
      const found = directives.get(name);
      if (found) return found;
    }
    return undefined;
  };
  const lacks: string[] = [];
  const need = (name: string, source: string, isThere: boolean) => {
    if (!isThere) lacks.push(`${name} ${source}`);
  };
  const { guard, style, hidden } = POLICY_HASHES;
  const scripts = sources('script-src-elem', 'script-src');
  need('script-src', guard, allowsInline(scripts, guard));
  const script = URL.parse(needs.script, 'http://self.invalid/')!;
  const own = script.hostname === 'self.invalid' || script.origin === needs.origin;
  // With a nonce or strict-dynamic, only what is named so may run.
  const isOpen = !scripts?.some((source) => /^'strict-dynamic'$/i.test(source));
  need('script-src', own ? "'self'" : script.origin, isOpen && allows(scripts, script, own));
  const styles = sources('style-src-elem', 'style-src');
  for (const hash of needs.hasTwins ? [style, hidden] : [style])
    need('style-src', hash, allowsInline(styles, hash));
  for (const name of needs.blobs)
    need(
      name,
      'blob:',
      sources(...(name === 'script-src' ? ['script-src-elem', name] : [name]))?.includes('blob:') ??
        true,
    );
  const connect = sources('connect-src');
  need(
    'connect-src',
    "'self'",
    connect?.some((source) => /^(?:'self'|\*|https?:)$/i.test(source)) ?? true,
  );
  for (const tracker of needs.trackers) {
    const url = new URL(tracker);
    need('connect-src', `${url.protocol}//${url.host}`, allows(connect, url, false));
  }
  if (directives.has('require-trusted-types-for') && needs.blobs.includes('script-src'))
    lacks.push("no require-trusted-types-for 'script'");
  if (directives.has('sandbox')) lacks.push('no sandbox');
  return lacks;
}

function allowsInline(sources: readonly string[] | undefined, hash: string): boolean {
  if (!sources || sources.includes(hash)) return true;
  const isStrict = sources.some((source) => /^'(?:nonce-|sha\d+-|strict-dynamic)/i.test(source));
  return !isStrict && sources.some((source) => /^'unsafe-inline'$/i.test(source));
}

/** Whether a list names the host of an address; what it says of paths or ports beyond that is taken as a no. */
function allows(sources: readonly string[] | undefined, url: URL, own: boolean): boolean {
  if (!sources) return true;
  const hosts = [url.protocol, '*', url.host, `${url.protocol}//${url.host}`];
  return sources.some(
    (source) =>
      hosts.includes(source.replace(/\/$/, '')) || (own && /^('self'|https?:)$/i.test(source)),
  );
}
