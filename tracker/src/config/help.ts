import type { Setting } from './settings.ts';
import { optionName, SETTING_KEYS, SETTINGS, variableName } from './settings.ts';

const WIDTH = 100;
const INDENT = ' '.repeat(8);

/** The text of `--help`. */
export function helpText(): string {
  const groups = Map.groupBy(SETTING_KEYS, (key) => SETTINGS[key].group as string);
  const sections = [...groups].map(([group, keys]) => {
    const options = keys.map((key) => {
      const setting: Setting = SETTINGS[key];
      return `  --${optionName(key)} ${placeholderOf(setting)}\n${wrap(describe(setting))}\n`;
    });
    return `${group}:\n${options.join('')}`;
  });
  const [key] = SETTING_KEYS;
  return `Usage: zauberflote-tracker [options]

Introduces visitors of a site to one another, so that they can serve each other. Clients connect
by WebSocket to /; GET /healthz tells whether it is up. Only what sites publish is kept on disk.

${sections.join('\n')}
Other:
  --config FILE
${wrap('JSON file with any of these settings, such as {"port": 8080}')}
  --help
  --version

zauberflote-tracker token --help tells how to make tokens, and publish --help how to publish.

Each can also be set by a variable such as ${variableName(key!)}. A flag wins over the environment, that
over the file. It stops gracefully on SIGTERM and SIGINT.
`;
}

/** What stands for its value. */
export function placeholderOf(setting: Setting): string {
  switch (setting.kind) {
    case 'integer':
      return 'N';
    case 'choice':
      return setting.choices.join('|');
    case 'file':
      return 'FILE';
    case 'list':
      return `${setting.placeholder},…`;
    case 'text':
      return setting.placeholder;
  }
}

/** Its default as one would write it; empty: none. */
export function defaultOf(setting: Setting): string {
  return setting.default === undefined ? '' : String(setting.default);
}

function describe(setting: Setting): string {
  const { help } = setting;
  const range = setting.kind === 'integer' ? `; ${setting.min} to ${setting.max}` : '';
  const byDefault = defaultOf(setting);
  return `${help}${range}${byDefault === '' ? '' : ` (default ${byDefault})`}`;
}

/** Broken at spaces and indented. */
function wrap(text: string): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!;
    if (line !== '' && INDENT.length + line.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.map((line) => INDENT + line).join('\n');
}
