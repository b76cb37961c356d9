import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultOf, helpText } from './help.ts';
import type { Command } from './read.ts';
import { ConfigError, readConfig } from './read.ts';
import { DEFAULTS, optionName, SETTING_KEYS, SETTINGS, variableName } from './settings.ts';

const DOC = new URL('../../../docs/operations.md', import.meta.url);

function configOf(command: Command) {
  assert.ok(command.kind === 'start');
  return command.config;
}

describe('configuration', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'zf-config-'));
  });
  after(() => rmSync(folder, { recursive: true }));
  const file = (content: unknown) => {
    const path = join(folder, 'tracker.json');
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  };

  it('is the defaults when nothing is set', () => {
    assert.deepEqual(configOf(readConfig([], { PATH: '/bin' })), DEFAULTS);
  });

  it('takes a flag before the environment, that before the file, that before the default', () => {
    const path = file({ port: 1, host: 'file', 'max-peers': 11 });
    const env = { ZF_PORT: '2', ZF_HOST: 'env' };
    const { port, host, maxPeers } = configOf(readConfig(['--port', '3', `--config=${path}`], env));
    assert.deepEqual({ port, host, maxPeers }, { port: 3, host: 'env', maxPeers: 11 });
    assert.equal(configOf(readConfig([], { ZF_CONFIG: path })).port, 1);
  });

  it('takes a file as Windows writes it', () => {
    const path = file('\uFEFF{"port": 1}\r\n');
    assert.equal(configOf(readConfig(['--config', path], {})).port, 1);
  });

  it('knows every setting by flag, variable and file, and explains it', () => {
    const help = helpText();
    const doc = readFileSync(DOC, 'utf8');
    for (const key of SETTING_KEYS) {
      const setting = SETTINGS[key];
      assert.ok(help.includes(`--${optionName(key)} `), `--help lacks ${key}`);
      const row = doc.split('\n').find((line) => line.startsWith(`| \`--${optionName(key)} `));
      assert.ok(row, `docs/operations.md has no row for --${optionName(key)}`);
      const byDefault = row
        .split('|')
        .at(-2)!
        .replaceAll(/[,\s`]/g, '');
      assert.equal(byDefault, defaultOf(setting).replaceAll(/[,\s]/g, ''), `default of ${key}`);
      if (setting.kind !== 'integer') continue;
      const text = `${setting.min}`;
      const read = [
        readConfig([`--${optionName(key)}`, text], {}),
        readConfig([], { [variableName(key)]: text }),
        readConfig(['--config', file({ [optionName(key)]: setting.min })], {}),
      ];
      for (const command of read) assert.equal(configOf(command)[key], setting.min);
    }
  });

  it('keeps help and version apart from starting', () => {
    assert.deepEqual(readConfig(['--port', '1', '--help'], {}), { kind: 'help' });
    assert.deepEqual(readConfig(['--version'], {}), { kind: 'version' });
    for (const line of helpText().split('\n')) assert.ok(line.length <= 100, line);
  });

  for (const { what, args = [], env = {}, content, says } of [
    { what: 'an unknown flag', args: ['--prot', '1'], says: /option '--prot'; .*mean --port\?/ },
    { what: 'an unknown flag like none', args: ['--zzzzzz'], says: /'--zzzzzz'; see --help/ },
    { what: 'a short flag', args: ['-p', '1'], says: /'-p'/ },
    { what: 'a flag without its value', args: ['--host', '--port'], says: /--host needs a value/ },
    {
      what: 'a list that is there twice',
      args: ['--allow-origin', 'a.example', '--allow-origin', 'b.example'],
      says: /^--allow-origin is there twice: put all of them into one, as in --allow-origin A,B/,
    },
    {
      what: 'a wrong flag',
      args: ['--port', '70000'],
      says: /^--port takes .* 0 to 65535, not '?70000/,
    },
    {
      what: 'an unknown variable',
      env: { ZF_MAX_PEER: '1' },
      says: /variable 'ZF_MAX_PEER'; .*mean ZF_MAX_PEERS\?/,
    },
    {
      what: 'a wrong variable',
      env: { ZF_MAX_PEERS: 'many' },
      says: /^ZF_MAX_PEERS \(environment\) takes a whole number from 1 to 1000000, not 'many'/,
    },
    {
      what: 'an unknown key',
      content: { maxPeers: 1 },
      says: /key in \S+tracker.json 'maxPeers'; did you mean max-peers\?/,
    },
    { what: 'a wrong key', content: { port: '80' }, says: /port in \S+ takes .*, not '80'/ },
    {
      what: 'a file that is no JSON',
      content: '{',
      says: /configuration file \/.* cannot be used/,
    },
    { what: 'a file that is no object', content: [], says: /has to be a JSON object/ },
    {
      what: 'sites that are none, as of a variable that is not set',
      env: { ZF_ALLOW_ORIGIN: '' },
      says: /^ZF_ALLOW_ORIGIN \(environment\) takes .*, not ""$/,
    },
    {
      what: 'a list of no sites',
      content: { 'allow-origin': [], 'trusted-proxies': [] },
      says: /^allow-origin in \S+ is empty: name hosts such as .*, or leave it out for all$/,
    },
    {
      what: 'an audience of tokens that nobody is asked for',
      args: ['--token-audience', 'me'],
      says: /--token-audience .* without --token-keys-file/,
    },
    {
      what: 'a certificate without its key',
      args: ['--tls-cert-file', 'package.json'],
      says: /--tls-cert-file and --tls-key-file are needed both/,
    },
    {
      what: 'keys for publishing without a file to keep it',
      args: ['--publish-keys-file', 'package.json'],
      says: /--publish-keys-file and --published-file are needed both/,
    },
    {
      what: 'an address in brackets',
      args: ['--host', '[::1]'],
      says: /^--host has to be an address or a name alone, .* without brackets/,
    },
    {
      what: 'an address with a port',
      args: ['--admin-port', '8081', '--admin-host', '127.0.0.1:8081'],
      says: /^--admin-host has to be an address or a name alone, .* without a port$/,
    },
    {
      what: 'Redis without a scheme',
      args: ['--redis', 'localhost:6379'],
      says: /^--redis has to be such as redis:\/\/host:6379/,
    },
    {
      what: 'Redis of another scheme',
      args: ['--redis', 'http://localhost'],
      says: /^--redis has to be such as redis:\/\/host:6379/,
    },
    {
      what: 'Redis without a host',
      args: ['--redis', 'redis://'],
      says: /^--redis has to be such as redis:\/\/host:6379/,
    },
    {
      what: 'a path at Redis',
      args: ['--redis', 'redis://localhost/a'],
      says: /nothing after its port but the number of a database/,
    },
    {
      what: 'a password on the command line, and does not show it',
      args: ['--redis', 'redis://papageno:glocken@localhost'],
      says: /^--redis must not have a password; put it into --redis-password-file$/,
    },
    {
      what: 'a user without a password',
      env: { ZF_REDIS: 'redis://papageno@localhost' },
      says: /--redis names a user; put its password into --redis-password-file/,
    },
    {
      what: 'a password of no Redis',
      args: ['--redis-password-file', 'package.json'],
      says: /--redis-password-file is of no use without --redis/,
    },
    { what: 'no file', args: ['--config', '/nowhere'], says: /ENOENT.*'\/nowhere'/ },
    {
      what: 'a host for the operator without a port',
      env: { ZF_ADMIN_HOST: '0.0.0.0' },
      says: /--admin-host is of no use without --admin-port/,
    },
  ] as const)
    it(`refuses ${what}`, () => {
      const all = content === undefined ? args : ['--config', file(content)];
      assert.throws(
        () => readConfig(all, env),
        (error) => error instanceof ConfigError && says.test(error.message),
      );
    });
});
