/** Reads and writes protobuf messages by tables of their fields; see ../protoc-gen-zf.ts. */

/** How a field is encoded. */
export const Kind = {
  UINT32: 0,
  ENUM: 1,
  BOOL: 2,
  UINT64: 3,
  FIXED64: 4,
  STRING: 5,
  BYTES: 6,
  MESSAGE: 7,
} as const;

/** `table` is that of a message. */
interface Row {
  readonly number: number;
  readonly name: string;
  readonly kind: number;
  readonly repeated: boolean;
  readonly table: Table | undefined;
  readonly oneof: string | undefined;
}

/** The fields of a message by ascending number. */
export type Table = readonly Row[];

/**
 * The fields of a message by name, numbered from 1: its kind, plus 8 if it is repeated; or the table
 * of a message, in an array, of two if it is repeated; or the fields of a oneof.
 */
interface Shape {
  readonly [name: string]: number | readonly Table[] | Shape;
}

/** Names are keys, not texts, so that a minifier can shorten them here and where they are used. */
export function table(shape: Shape): Table {
  const rows: Row[] = [];
  const add = (fields: Shape, oneof?: string) => {
    for (const [name, field] of Object.entries(fields)) {
      const number = rows.length + 1;
      const put = (kind: number, repeated: boolean, table?: Table) =>
        rows.push({ number, name, kind, repeated, table, oneof });
      if (typeof field === 'number') put(field & 7, field > 7);
      else if (Array.isArray(field)) put(Kind.MESSAGE, field.length > 1, field[0]);
      else add(field as Shape, name);
    }
  };
  add(shape);
  return rows;
}

type Fields = Record<string, unknown>;

const VARINT = 0;
const BIT64 = 1;
const DELIMITED = 2;
const START_GROUP = 3;
const END_GROUP = 4;
const BIT32 = 5;

/**
 * Elements one repeated field may have before the rules of the protocol count them; of numbers, as
 * many as the frame has bytes.
 */
const MAX_ELEMENTS = 1024;

/** Groups are obsolete; unknown ones are skipped, but not into any depth. */
const MAX_GROUP_DEPTH = 16;

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

const MAX_UINT64 = 0xffff_ffff_ffff_ffffn;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Position in a frame. Every read throws an Error at the end of what it may read. */
class Reader {
  readonly buffer: Uint8Array;
  at = 0;
  /** Unknown fields were skipped. */
  unknown = false;
  /** Of the last varint: what is above its low 28 bits, up to 36 bits. */
  high = 0;

  constructor(buffer: Uint8Array) {
    this.buffer = buffer;
  }

  /** A varint's low 28 bits; the others are in `high`. */
  varint(end: number): number {
    this.high = 0;
    let low = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.at >= end) throw new Error('a number is cut off');
      const byte = this.buffer[this.at++] as number;
      if (shift < 28) low |= (byte & 127) << shift;
      else this.high += (byte & 127) * 2 ** (shift - 28);
      if (byte < 128) {
        this.high %= 2 ** 36;
        return low;
      }
    }
    throw new Error('a number has more than 10 bytes');
  }

  uint32(end: number): number {
    const low = this.varint(end);
    return (low | (this.high << 28)) >>> 0;
  }

  bytes(end: number): Uint8Array {
    return this.advance(this.uint32(end), end);
  }

  /** Where the message or packed numbers that begin here end. */
  stop(end: number): number {
    const length = this.uint32(end);
    if (length > end - this.at) throw new Error('a field ends beyond its message');
    return this.at + length;
  }

  /** The next `length` bytes. */
  advance(length: number, end: number): Uint8Array {
    const start = this.at;
    if (length > end - start) throw new Error('a field ends beyond its message');
    this.at += length;
    return this.buffer.subarray(start, this.at);
  }

  /** Field number times 8, and wire type. */
  tag(end: number): number {
    const tag = this.uint32(end);
    if (tag < 8 || this.high > 15) throw new Error(`${tag} is not a tag`);
    return tag;
  }

  skip(tag: number, end: number, depth = 0): void {
    this.unknown = true;
    const wireType = tag & 7;
    if (wireType === VARINT) this.varint(end);
    else if (wireType === BIT64) this.advance(8, end);
    else if (wireType === BIT32) this.advance(4, end);
    else if (wireType === DELIMITED) this.bytes(end);
    else if (wireType === START_GROUP && depth < MAX_GROUP_DEPTH)
      for (;;) {
        const inner = this.tag(end);
        if ((inner & 7) !== END_GROUP) this.skip(inner, end, depth + 1);
        else if (inner >>> 3 === tag >>> 3) return;
        else throw new Error(`a group ends as ${inner >>> 3}`);
      }
    else throw new Error(`wire type ${wireType}`);
  }

  value(kind: number, end: number): unknown {
    switch (kind) {
      case Kind.UINT32:
        return this.uint32(end);
      case Kind.ENUM:
        return this.uint32(end) | 0;
      case Kind.BOOL:
        return this.varint(end) + this.high > 0;
      case Kind.UINT64: {
        const low = this.varint(end);
        // Nearly all are below 2^53, and one BigInt is cheaper than three.
        return this.high < 2 ** 25
          ? BigInt(this.high * 2 ** 28 + low)
          : (BigInt(this.high) << 28n) | BigInt(low);
      }
      case Kind.FIXED64: {
        const { buffer, byteOffset } = this.advance(8, end);
        return new DataView(buffer, byteOffset).getBigUint64(0, true);
      }
      case Kind.STRING:
        return decoder.decode(this.bytes(end));
      default:
        return this.bytes(end);
    }
  }

  message(table: Table, end: number, into: Fields): Fields {
    while (this.at < end) {
      const tag = this.tag(end);
      const row = table[(tag >>> 3) - 1];
      if (!row) this.skip(tag, end);
      else if ((tag & 7) === wireTypeOf(row.kind)) this.field(row, end, into);
      else if ((tag & 7) === DELIMITED && row.repeated)
        // Numbers come one by one or packed (protobuf encoding guide, Packed Repeated Fields).
        for (const stop = this.stop(end); this.at < stop; ) this.field(row, stop, into);
      else throw new Error(`field ${row.name} has wire type ${tag & 7}`);
    }
    return into;
  }

  field(row: Row, end: number, into: Fields): void {
    const { name, kind, repeated, table, oneof } = row;
    let value: unknown;
    if (kind === Kind.MESSAGE) {
      const stop = this.stop(end);
      // A message that comes twice is one, its fields merged (protobuf encoding guide, Last One Wins).
      const before = oneof ? (into[oneof] as Fields) : undefined;
      const old = before ? before.case === name && before.value : !repeated && into[name];
      const fields = (old || empty(table as Table)) as Fields;
      value = this.message(table as Table, stop, fields);
    } else value = this.value(kind, end);
    if (oneof) into[oneof] = { case: name, value };
    else if (!repeated) into[name] = value;
    else if ((into[name] as unknown[]).push(value) > MAX_ELEMENTS && kind >= Kind.STRING)
      throw new Error(`${name} has more than ${MAX_ELEMENTS} elements`);
  }
}

function wireTypeOf(kind: number): number {
  if (kind >= Kind.STRING) return DELIMITED;
  return kind === Kind.FIXED64 ? BIT64 : VARINT;
}

/** A message with no field set. */
function empty(table: Table): Fields {
  const fields: Fields = {};
  for (const { name, kind, repeated, oneof } of table) {
    if (oneof) fields[oneof] ??= { case: undefined };
    else if (repeated) fields[name] = [];
    else if (kind !== Kind.MESSAGE) fields[name] = DEFAULTS[kind];
  }
  return fields;
}

/** By kind. The empty array is shared: it cannot be changed. */
const DEFAULTS = [0, 0, false, 0n, 0n, '', new Uint8Array()];

/**
 * Decodes a frame. Fields of type bytes are views on it.
 * @returns the message, and whether it had fields that are not in the table
 * @throws {Error} if it is not a message of this kind
 */
export function read(table: Table, frame: Uint8Array): { message: unknown; unknown: boolean } {
  const reader = new Reader(frame);
  const message = reader.message(table, frame.length, empty(table));
  return { message, unknown: reader.unknown };
}

/**
 * Where messages are written, the end first: a message's length is known when its fields are written.
 * Kept, as making one anew costs more than writing into it.
 */
let space = new Uint8Array(4096);
let view = new DataView(space.buffer);
/** The first byte that is written. */
let at = 0;

/** Encodes a message; fields that are missing have their default. */
export function write(table: Table, message: object): Uint8Array<ArrayBuffer> {
  at = space.length;
  writeFields(table, message as Fields);
  return space.slice(at);
}

/** Makes room for so many bytes before those that are written, and moves there. */
function room(length: number): number {
  if (length > at) {
    const written = space.subarray(at);
    space = new Uint8Array(2 * space.length + length);
    view = new DataView(space.buffer);
    at = space.length - written.length;
    space.set(written, at);
  }
  at -= length;
  return at;
}

/** Writes the fields, the last one first. */
function writeFields(table: Table, message: Fields): void {
  for (let i = table.length - 1; i >= 0; i--) {
    const row = table[i] as Row;
    const { name, kind, repeated, oneof } = row;
    if (oneof) {
      const chosen = message[oneof] as Fields | undefined;
      if (chosen?.case === name) writeField(row, chosen.value);
      continue;
    }
    const value = message[name];
    if (!repeated) {
      if (!isDefault(kind, value)) writeField(row, value);
      continue;
    }
    const values = (value as unknown[]) ?? [];
    const packed = kind < Kind.STRING;
    const written = space.length - at;
    for (let j = values.length - 1; j >= 0; j--)
      if (packed) scalar(kind, values[j]);
      else writeField(row, values[j]);
    if (packed && values.length > 0) delimit(row, written);
  }
}

function writeField(row: Row, value: unknown): void {
  const { number, kind, table } = row;
  const written = space.length - at;
  if (kind < Kind.STRING) {
    scalar(kind, value);
    varint(number * 8 + wireTypeOf(kind));
    return;
  }
  if (kind === Kind.MESSAGE) writeFields(table as Table, value as Fields);
  else if (kind === Kind.STRING) text(value as string);
  else bytes(value as Uint8Array);
  delimit(row, written);
}

function bytes(value: Uint8Array): void {
  const start = room(value.length);
  space.set(value, start);
}

/** Most texts are short ones of ASCII: calling the encoder takes longer than their letters. */
function text(value: string): void {
  const start = room(value.length);
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code > 127) {
      at += value.length;
      return bytes(encoder.encode(value));
    }
    space[start + i] = code;
  }
}

/** Puts tag and length before all but the last `written` bytes. */
function delimit({ number }: Row, written: number): void {
  varint(space.length - at - written);
  varint(number * 8 + DELIMITED);
}

function scalar(kind: number, value: unknown): void {
  if (kind === Kind.FIXED64) {
    const start = room(8);
    view.setBigUint64(start, value as bigint, true);
  } else varint(kind === Kind.UINT64 ? (value as bigint) : Number(value));
}

function isDefault(kind: number, value: unknown): boolean {
  if (value === undefined || value === DEFAULTS[kind]) return true;
  return kind === Kind.BYTES && (value as Uint8Array).length === 0;
}

/** @throws {RangeError} if the number is negative, broken or has more than 64 bits. */
function varint(value: number | bigint): void {
  if (typeof value === 'bigint' && value > MAX_SAFE && value <= MAX_UINT64) {
    // More than a number holds: the upper 15 bits by themselves, and seven groups before them.
    varint(Number(value >> 49n));
    groups(Number(value & 0x1_ffff_ffff_ffffn), 7, true);
    return;
  }
  const number = Number(value);
  if (number < 0 || !Number.isSafeInteger(number))
    throw new RangeError(`${value} is not a whole number of up to 64 bits`);
  let length = 1;
  for (let least = 128; least <= number; least *= 128) length++;
  groups(number, length, false);
}

/** Writes that many groups of 7 bits, the lowest first; `more` says that others follow. */
function groups(number: number, length: number, more: boolean): void {
  const start = room(length);
  let rest = number;
  for (let i = 1; i < length; i++) {
    space[start + i - 1] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  space[start + length - 1] = more ? rest | 128 : rest;
}
