#!/usr/bin/env node
/**
 * Generates the compact codec: for each message an interface and a table of its fields, for each
 * enum an object. `src/table.ts` reads and writes frames by the tables. protobuf-es's own runtime
 * carries descriptors and reflection and is many times the size, too much for every page load.
 */
import type { DescEnum, DescField, DescMessage, DescOneof } from '@bufbuild/protobuf';
import { ScalarType } from '@bufbuild/protobuf';
import { createEcmaScriptPlugin, type GeneratedFile, runNodeJs } from '@bufbuild/protoplugin';
import { Kind } from './src/table.ts';

const KINDS: Partial<Record<ScalarType, [kind: number, type: string]>> = {
  [ScalarType.UINT32]: [Kind.UINT32, 'number'],
  [ScalarType.UINT64]: [Kind.UINT64, 'bigint'],
  [ScalarType.FIXED64]: [Kind.FIXED64, 'bigint'],
  [ScalarType.BOOL]: [Kind.BOOL, 'boolean'],
  [ScalarType.STRING]: [Kind.STRING, 'string'],
  [ScalarType.BYTES]: [Kind.BYTES, 'Uint8Array'],
};

function kindOf(field: DescField): [kind: number, type: string] {
  if (field.message) return [Kind.MESSAGE, field.message.name];
  if (field.enum) return [Kind.ENUM, field.enum.name];
  const known = field.scalar && KINDS[field.scalar];
  if (!known) throw new Error(`${field} is of a kind that ${import.meta.filename} does not know`);
  return known;
}

function printEnum(f: GeneratedFile, desc: DescEnum): void {
  f.print(f.jsDoc(desc));
  f.print('export const ', desc.name, ' = {');
  for (const value of desc.values) f.print('  ', value.localName, ': ', value.number, ',');
  f.print('} as const;');
  // Enums are open: a newer sender may use values that are not listed.
  f.print('export type ', desc.name, ' = number;');
  f.print();
}

function printInterface(f: GeneratedFile, desc: DescMessage): void {
  f.print(f.jsDoc(desc));
  f.print('export interface ', desc.name, ' {');
  for (const member of desc.members) {
    f.print(f.jsDoc(member, '  '));
    if (member.kind === 'oneof') f.print('  ', member.localName, ':', oneofType(member), ';');
    else {
      const [kind, type] = kindOf(member);
      const list = member.fieldKind === 'list';
      const optional = kind === Kind.MESSAGE && !list;
      f.print(
        '  ' +
          member.localName +
          (optional ? `?: ${type} | undefined;` : `: ${type}${list ? '[]' : ''};`),
      );
    }
  }
  f.print('}');
  f.print();
}

function oneofType(oneof: DescOneof): string {
  const cases = oneof.fields.map(
    (field) => `\n    | { case: '${field.localName}'; value: ${kindOf(field)[1]} }`,
  );
  return `${cases.join('')}\n    | { case: undefined; value?: undefined }`;
}

/** See `table` in src/table.ts. */
function printTable(f: GeneratedFile, desc: DescMessage): void {
  const numbers = desc.members.flatMap((member) =>
    member.kind === 'oneof' ? member.fields.map((field) => field.number) : member.number,
  );
  if (numbers.some((number, i) => number !== i + 1))
    throw new Error(`${desc}: tables need fields numbered from 1 in the order they are written`);
  f.print('export const ', tableName(desc), ' = /* @__PURE__ */ table({');
  for (const member of desc.members)
    if (member.kind !== 'oneof') f.print('  ', shapeOf(member));
    else {
      f.print('  ', member.localName, ': {');
      for (const field of member.fields) f.print('    ', shapeOf(field));
      f.print('  },');
    }
  f.print('});');
  f.print();
}

function shapeOf(field: DescField): string {
  const isList = field.fieldKind === 'list';
  const name = field.message && tableName(field.message);
  const shape = name
    ? `[${isList ? `${name}, ${name}` : name}]`
    : kindOf(field)[0] + (isList ? 8 : 0);
  return `${field.localName}: ${shape},`;
}

const tableName = (desc: DescMessage) => `${desc.name}Table`;

/** Messages in an order in which each follows those it contains. */
function inOrder(messages: readonly DescMessage[]): DescMessage[] {
  const done = new Set<DescMessage>();
  const visit = (message: DescMessage, path: readonly DescMessage[]) => {
    if (path.includes(message)) throw new Error(`${message} contains itself: tables cannot`);
    for (const field of message.fields) if (field.message) visit(field.message, [...path, message]);
    done.add(message);
  };
  for (const message of messages) visit(message, []);
  return [...done];
}

runNodeJs(
  createEcmaScriptPlugin({
    name: 'protoc-gen-zf',
    version: 'v1',
    generateTs(schema) {
      const f = schema.generateFile('compact.ts');
      f.preamble(schema.files[0]!);
      f.print("import { table } from '../src/table.ts';");
      f.print();
      const messages = schema.files.flatMap((file) => file.messages);
      for (const desc of schema.files.flatMap((file) => file.enums)) printEnum(f, desc);
      for (const desc of messages) printInterface(f, desc);
      for (const desc of inOrder(messages)) printTable(f, desc);
    },
  }),
);
