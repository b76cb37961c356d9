import { accessSync, constants, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { nearest } from './nearest.ts';
import type { Config, Setting, SettingKey } from './settings.ts';
import { DEFAULTS, optionName, SETTING_KEYS, SETTINGS, variableName } from './settings.ts';

/** What the command line asks for. */
export type Command =
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'start'; readonly config: Config };

/** A setting that is unknown or wrong; the message names it, where it was set, and the cure. */
export class ConfigError extends Error {}

type Values = Partial<Record<SettingKey, unknown>>;

/** Flags that are no settings. */
const COMMANDS = ['config', 'help', 'version'] as const;
const CONFIG_VARIABLE = 'ZF_CONFIG';

const BY_OPTION = new Map<string, SettingKey>(SETTING_KEYS.map((key) => [optionName(key), key]));
const BY_VARIABLE = new Map<string, SettingKey>(
  SETTING_KEYS.map((key) => [variableName(key), key]),
);

/**
 * Puts the settings together: a flag wins over the environment (`ZF_…`), that over the file that
 * `--config` or `ZF_CONFIG` names, and that over the default.
 * @throws {ConfigError}
 */
export function readConfig(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Command {
  const flags = readFlags(args);
  if (flags.command) return { kind: flags.command };
  const file = flags.file ?? env[CONFIG_VARIABLE];
  const given = {
    ...(file === undefined ? {} : readFile(file)),
    ...readEnvironment(env),
    ...flags.values,
  };
  // Each value was checked against its setting.
  const config = { ...DEFAULTS, ...given } as Config;
  if (config.tokenAudience !== undefined && !config.tokenKeysFile && !config.publishKeysFile)
    throw new ConfigError(
      '--token-audience asks for no tokens without --token-keys-file or --publish-keys-file',
    );
  if ((config.tlsCertFile === undefined) !== (config.tlsKeyFile === undefined))
    throw new ConfigError('--tls-cert-file and --tls-key-file are needed both');
  if ((config.publishKeysFile === undefined) !== (config.publishedFile === undefined))
    throw new ConfigError('--publish-keys-file and --published-file are needed both');
  if (given.adminHost !== undefined && config.adminPort === undefined)
    throw new ConfigError('--admin-host is of no use without --admin-port');
  if (config.redisPasswordFile !== undefined && config.redis === undefined)
    throw new ConfigError('--redis-password-file is of no use without --redis');
  if (config.redis !== undefined && config.redisPasswordFile === undefined)
    if (new URL(config.redis).username !== '')
      throw new ConfigError('--redis names a user; put its password into --redis-password-file');
  return { kind: 'start', config };
}

function readFlags(args: readonly string[]) {
  const names = [...BY_OPTION.keys(), ...COMMANDS];
  const options = Object.fromEntries(
    names.map((name) => {
      const type = name === 'help' || name === 'version' ? 'boolean' : 'string';
      return [name, { type } as const];
    }),
  );
  // Not strict: its messages neither suggest names nor tell a missing value from a wrong one.
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  const values: Values = {};
  let file: string | undefined;
  let command: 'help' | 'version' | undefined;
  for (const token of tokens) {
    if (token.kind === 'positional')
      throw new ConfigError(`'${token.value}' is not an option; they all begin with --`);
    if (token.kind === 'option-terminator') continue;
    const { name, rawName, value, inlineValue } = token;
    const key = BY_OPTION.get(name);
    if (rawName !== `--${name}` || (!key && !COMMANDS.includes(name as 'help')))
      throw unknown(
        'option',
        rawName,
        names.map((known) => `--${known}`),
      );
    if (name === 'help' || name === 'version') {
      if (value !== undefined) throw new ConfigError(`${rawName} takes no value`);
      command ??= name;
      continue;
    }
    if (value === undefined || (!inlineValue && value.startsWith('--')))
      throw new ConfigError(`${rawName} needs a value; see --help`);
    // Of others the last one holds, as scripts that add to a command line expect; a list would be shorter than meant.
    if (key && key in values && SETTINGS[key].kind === 'list')
      throw new ConfigError(
        `${rawName} is there twice: put all of them into one, as in ${rawName} A,B`,
      );
    if (key) values[key] = fromText(SETTINGS[key], rawName, value);
    else file = value;
  }
  return { values, file, command };
}

function readEnvironment(env: Readonly<Record<string, string | undefined>>): Values {
  const values: Values = {};
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('ZF_') || name === CONFIG_VARIABLE || value === undefined) continue;
    const key = BY_VARIABLE.get(name);
    if (!key) throw unknown('variable', name, [...BY_VARIABLE.keys(), CONFIG_VARIABLE]);
    values[key] = fromText(SETTINGS[key], `${name} (environment)`, value);
  }
  return values;
}

function readFile(path: string): Values {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8').replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new ConfigError(
      `the configuration file ${path} cannot be used: ${(error as Error).message}`,
    );
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    throw new ConfigError(`${path} has to be a JSON object such as {"port": 8080}`);
  const values: Values = {};
  for (const [name, value] of Object.entries(content)) {
    const key = BY_OPTION.get(name);
    if (!key) throw unknown(`key in ${path}`, name, [...BY_OPTION.keys()]);
    values[key] = check(SETTINGS[key], `${name} in ${path}`, value);
  }
  return values;
}

function unknown(what: string, name: string, known: readonly string[]): ConfigError {
  const suggestion = nearest(name, known);
  return new ConfigError(
    `unknown ${what} '${name}'${suggestion === undefined ? '; see --help' : `; did you mean ${suggestion}?`}`,
  );
}

/** A value of a flag or variable. */
function fromText(setting: Setting, source: string, text: string): unknown {
  switch (setting.kind) {
    case 'integer':
      return check(setting, source, /^-?\d+$/.test(text) ? Number(text) : text);
    case 'list': {
      // Nothing is none of them: what was forgotten must not let everybody in.
      return check(
        setting,
        source,
        text.split(',').map((entry) => entry.trim()),
      );
    }
    default:
      return check(setting, source, text);
  }
}

/** The value, if it is one for this setting. */
function check(setting: Setting, source: string, value: unknown): unknown {
  const shown = typeof value === 'string' ? `'${value}'` : JSON.stringify(value);
  const wrong = (takes: string) => new ConfigError(`${source} takes ${takes}, not ${shown}`);
  switch (setting.kind) {
    case 'integer': {
      const { min, max } = setting;
      if (!Number.isInteger(value) || (value as number) < min || (value as number) > max)
        throw wrong(`a whole number from ${min} to ${max}`);
      return value;
    }
    case 'choice':
      if (!setting.choices.includes(value as string))
        throw wrong(`one of ${setting.choices.join(', ')}`);
      return value;
    case 'list': {
      if (!Array.isArray(value)) throw wrong('a list');
      // Where none stands for all, a list of none may have been meant for nobody.
      if (value.length === 0 && setting.default.length === 0)
        throw new ConfigError(`${source} is empty: name ${setting.takes}, or leave it out for all`);
      for (const entry of value)
        if (typeof entry !== 'string' || !setting.accepts(entry))
          throw new ConfigError(`${source} takes ${setting.takes}, not ${JSON.stringify(entry)}`);
      return value;
    }
    case 'text': {
      if (typeof value !== 'string' || value === '') throw wrong(`a ${setting.placeholder}`);
      // Not shown: it may have a secret in it.
      const problem = setting.problem?.(value);
      if (problem !== undefined) throw new ConfigError(`${source} ${problem}`);
      return value;
    }
    case 'file':
      if (typeof value !== 'string' || value === '') throw wrong('the path of a file');
      try {
        accessSync(value, constants.R_OK);
      } catch (error) {
        throw new ConfigError(`${source}: ${(error as Error).message}`);
      }
      return value;
  }
}
