import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { DescMessage, JsonValue, MessageInitShape } from '@bufbuild/protobuf';
import { create, fromBinary, fromJson, toBinary, toJson } from '@bufbuild/protobuf';
import type { ReflectMessage } from '@bufbuild/protobuf/reflect';
import { nestedTypes, reflect } from '@bufbuild/protobuf/reflect';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';
import { ManifestTable } from '../gen/compact.ts';
import { FILES, format, TEXTS } from '../testdata/make.ts';
import type { Ignored, Malformed, Valid, Vector } from '../testdata/types.ts';
import { frameOf } from '../testdata/types.ts';
import {
  file_zauberflote_v1_backplane,
  file_zauberflote_v1_content,
  file_zauberflote_v1_manifest,
  file_zauberflote_v1_peer,
  file_zauberflote_v1_signaling,
  file_zauberflote_v1_tracker,
  ManifestSchema,
  NodeMessageSchema,
  PeerMessageSchema,
  SessionRequestSchema,
  SessionResponseSchema,
  TrackerService,
} from './full.ts';
import {
  decodeManifest,
  decodeNodeMessage,
  decodePeerMessage,
  decodeSessionRequest,
  decodeSessionResponse,
  ErrorCode,
  NodeMessageTable,
  PeerMessageTable,
  ProtocolError,
  SessionRequestTable,
  SessionResponseTable,
} from './index.ts';
import type { Table } from './table.ts';
import { write } from './table.ts';

interface Suite {
  readonly file: string;
  readonly schema: DescMessage;
  readonly table: Table;
  readonly decode: (frame: Uint8Array) => unknown;
}

const SUITES: readonly Suite[] = [
  {
    file: 'manifest.json',
    schema: ManifestSchema,
    table: ManifestTable,
    decode: decodeManifest,
  },
  {
    file: 'node_message.json',
    schema: NodeMessageSchema,
    table: NodeMessageTable,
    decode: decodeNodeMessage,
  },
  {
    file: 'peer_message.json',
    schema: PeerMessageSchema,
    table: PeerMessageTable,
    decode: decodePeerMessage,
  },
  {
    file: 'session_request.json',
    schema: SessionRequestSchema,
    table: SessionRequestTable,
    decode: decodeSessionRequest,
  },
  {
    file: 'session_response.json',
    schema: SessionResponseSchema,
    table: SessionResponseTable,
    decode: decodeSessionResponse,
  },
];

const TESTDATA = new URL('../testdata/', import.meta.url);
const run = promisify(execFile);
const read = (file: string) =>
  JSON.parse(readFileSync(new URL(file, TESTDATA), 'utf8')) as readonly Vector[];
const isValid = (vector: Vector): vector is Valid => 'json' in vector;
const isMalformed = (vector: Vector): vector is Malformed => 'error' in vector;
const isIgnored = (vector: Vector): vector is Ignored => 'ignored' in vector;
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('golden vectors', () => {
  it('are in files that the generator writes as they are', () => {
    for (const [file, vectors] of Object.entries({ ...FILES, ...TEXTS }))
      assert.equal(readFileSync(new URL(file, TESTDATA), 'utf8'), format(vectors), file);
    assert.deepEqual(
      SUITES.map((suite) => suite.file),
      Object.keys(FILES),
    );
  });

  for (const { file, schema, table, decode } of SUITES)
    describe(file, () => {
      const vectors = read(file);
      const full = (message: unknown) => create(schema, message as MessageInitShape<DescMessage>);

      it('has names that are not repeated', () => {
        const names = vectors.map((vector) => vector.name);
        assert.deepEqual([...new Set(names)], names);
      });

      it('holds valid frames that decode to their JSON and encode to the same bytes', () => {
        for (const { name, hex, json, canonical } of vectors.filter(isValid)) {
          const message = decode(frameOf(hex)) as object;
          assert.deepEqual(toJson(schema, full(message)), json, name);
          assert.deepEqual(toJson(schema, fromBinary(schema, frameOf(hex))), json, name);
          const written = hexOf(toBinary(schema, fromJson(schema, json as JsonValue)));
          if (canonical === false) assert.notEqual(written, hex, name);
          else {
            assert.equal(hexOf(write(table, message)), hex, name);
            assert.equal(written, hex, name);
          }
        }
      });

      it('holds malformed frames that are refused with their code', () => {
        for (const { name, hex, error, at } of vectors.filter(isMalformed)) {
          if (at === 'rule') fromBinary(schema, frameOf(hex));
          assert.throws(
            () => decode(frameOf(hex)),
            (thrown) => {
              assert(thrown instanceof ProtocolError, `${name}: ${thrown}`);
              assert.equal(thrown.code, ErrorCode[error.slice(11) as keyof typeof ErrorCode], name);
              // What a tracker says of it is not cut off (Error.message).
              assert.ok(Buffer.byteLength(thrown.message) <= 120, thrown.message);
              return true;
            },
            name,
          );
        }
      });

      it('holds frames of later versions that are taken as nothing', () => {
        for (const { name, hex } of vectors.filter(isIgnored))
          assert.deepEqual(toJson(schema, full(decode(frameOf(hex)))), {}, name);
      });
    });

  it('of manifests carry the content id, and the hashes of the file beside them', () => {
    const file = readFileSync(new URL('papageno.txt', TESTDATA));
    const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest();
    for (const { name, hex, id } of read('manifest.json').filter(isValid)) {
      assert.equal(id, `zf1-${sha256(frameOf(hex)).toString('base64url')}`, name);
      const manifest = fromBinary(ManifestSchema, frameOf(hex));
      const content = manifest.size === 0n ? file.subarray(0, 0) : file;
      assert.equal(Number(manifest.size), content.length, name);
      assert.deepEqual(Buffer.from(manifest.sha256), sha256(content), name);
      const chunks = Array.from(
        { length: Math.ceil(content.length / manifest.chunkSize) },
        (_, i) => sha256(content.subarray(i * manifest.chunkSize, (i + 1) * manifest.chunkSize)),
      );
      assert.deepEqual(Buffer.from(manifest.chunkSha256), Buffer.concat(chunks), name);
    }
  });

  it('use every message of a session, every field, every oneof case and every enum value', () => {
    const missing = everythingIn([
      file_zauberflote_v1_backplane,
      file_zauberflote_v1_content,
      file_zauberflote_v1_manifest,
      file_zauberflote_v1_peer,
      file_zauberflote_v1_signaling,
      file_zauberflote_v1_tracker,
    ]);
    assert(missing.size > 100, 'the schema was walked');
    for (const { file, schema } of SUITES)
      for (const vector of read(file))
        if (isValid(vector) || (isMalformed(vector) && vector.at === 'rule'))
          strike(reflect(schema, fromBinary(schema, frameOf(vector.hex))), missing);
    // Those of unary calls are left to gRPC's libraries: none of ours reads or writes them.
    const unary = TrackerService.methods
      .filter(({ methodKind }) => methodKind === 'unary')
      .flatMap(({ input, output }) => [input.typeName, output.typeName]);
    assert.deepEqual(
      [...missing].filter((name) => !unary.some((call) => `${name}.`.startsWith(`${call}.`))),
      [],
    );
  });
});

/** Full names of all that the files define, but for services. */
function everythingIn(files: readonly Parameters<typeof nestedTypes>[0][]): Set<string> {
  const names = new Set<string>();
  for (const file of files)
    for (const type of nestedTypes(file)) {
      if (type.kind === 'service') continue;
      names.add(type.typeName);
      if (type.kind === 'message')
        for (const field of type.fields) names.add(`${type.typeName}.${field.name}`);
      if (type.kind === 'enum')
        for (const value of type.values) names.add(`${type.typeName}.${value.name}`);
    }
  return names;
}

/** Removes the names of all that occurs in `message`. An enum field that is not set has value 0. */
function strike(message: ReflectMessage, names: Set<string>): void {
  names.delete(message.desc.typeName);
  for (const field of message.fields) {
    const { enum: type } = field;
    if (type && field.fieldKind === 'enum') {
      names.delete(type.typeName);
      const value = message.get(field);
      names.delete(`${type.typeName}.${type.values.find((v) => v.number === value)?.name}`);
    }
    if (!message.isSet(field)) continue;
    names.delete(`${message.desc.typeName}.${field.name}`);
    if (field.fieldKind === 'message') strike(message.get(field), names);
    else if (field.fieldKind === 'list' && field.listKind === 'message')
      for (const item of message.get(field)) strike(item as ReflectMessage, names);
  }
}

describe('golden vectors, read by buf (an implementation in Go)', () => {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  // The program itself: to start it by its command takes three times as long, and it is started 60 times.
  const [program = 'node_modules/.bin/buf'] = globSync('node_modules/@bufbuild/buf-*/bin/buf*', {
    cwd: root,
  });
  const buf = join(root, program);
  let folder: string;
  let image: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'zf-vectors-'));
    image = join(folder, 'image.binpb');
    await run(buf, ['build', '-o', image], { cwd: root });
    const files = fromBinary(FileDescriptorSetSchema, readFileSync(image));
    files.file.push(
      create(FileDescriptorProtoSchema, {
        name: 'many.proto',
        syntax: 'proto3',
        dependency: files.file.map(({ name }) => name),
        messageType: SUITES.map(({ schema }) => ({
          name: manyOf(schema),
          field: [{ ...ALL, typeName: `.${schema.typeName}` }],
        })),
      }),
    );
    writeFileSync(image, toBinary(FileDescriptorSetSchema, files));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** To start buf takes longer than all it does here: so it is given many messages at a time, in one that holds them. */
  const manyOf = ({ name }: DescMessage) => `Many${name}`;
  const ALL = {
    name: 'all',
    number: 1,
    label: FieldDescriptorProto_Label.REPEATED,
    type: FieldDescriptorProto_Type.MESSAGE,
  };

  /** Turns frames into ProtoJSON, or ProtoJSON into frames. */
  async function convert(type: string, from: string, to: string): Promise<Buffer> {
    await run(buf, ['convert', image, '--type', type, '--from', from, '--to', to]);
    return readFileSync(to);
  }

  async function jsonOf(schema: DescMessage, frames: readonly Uint8Array[]): Promise<unknown[]> {
    const from = join(folder, 'from.binpb');
    const writer = new BinaryWriter();
    for (const frame of frames) writer.tag(ALL.number, WireType.LengthDelimited).bytes(frame);
    writeFileSync(from, writer.finish());
    const json = await convert(manyOf(schema), from, join(folder, 'to.json'));
    return JSON.parse(String(json)).all;
  }

  async function hexOfJson(schema: DescMessage, all: readonly unknown[]): Promise<string[]> {
    const from = join(folder, 'from.json');
    writeFileSync(from, JSON.stringify({ all }));
    const bytes = await convert(manyOf(schema), from, join(folder, 'to.binpb'));
    const frames: string[] = [];
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      assert.deepEqual(reader.tag(), [ALL.number, WireType.LengthDelimited]);
      frames.push(hexOf(reader.bytes()));
    }
    return frames;
  }

  for (const { file, schema } of SUITES)
    it(`${file}: the same JSON, the same bytes, the same frames refused`, async () => {
      const vectors = read(file);
      const named = (values: readonly unknown[], of: readonly Vector[]) => {
        assert.equal(values.length, of.length);
        return of.map(({ name }, n) => [name, values[n]]);
      };
      const isOfWire = (vector: Vector) => isMalformed(vector) && vector.at === 'wire';
      const readable = vectors.filter((vector) => !isOfWire(vector));
      const seen = named(
        await jsonOf(
          schema,
          readable.map(({ hex }) => frameOf(hex)),
        ),
        readable,
      );
      // What breaks a rule is read all the same: buf knows no rules.
      const expected = readable.map((vector, n) => {
        const json = isValid(vector) ? vector.json : isIgnored(vector) ? {} : seen[n]?.[1];
        return [vector.name, json];
      });
      assert.deepEqual(seen, expected);
      const canonical = vectors.filter(isValid).filter((vector) => vector.canonical !== false);
      const written = await hexOfJson(
        schema,
        canonical.map(({ json }) => json),
      );
      assert.deepEqual(
        named(written, canonical),
        canonical.map(({ name, hex }) => [name, hex]),
      );
      for (const { name, hex } of vectors.filter(isOfWire)) {
        const [from, to] = [join(folder, 'wrong.binpb'), join(folder, 'wrong.json')];
        writeFileSync(from, frameOf(hex));
        await assert.rejects(convert(schema.typeName, from, to), name);
      }
    });
});
