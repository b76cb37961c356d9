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
type Row = readonly [
  number: number,
  name: string,
  kind: number,
  repeated: boolean,
  table: Table | undefined,
  oneof: string | undefined,
];

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
      if (typeof field === 'number')
        rows.push([number, name, field & 7, field > 7, undefined, oneof]);
      else if (Array.isArray(field))
        rows.push([number, name, Kind.MESSAGE, field.length > 1, field[0], oneof]);
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

  constructor(buffer: Uint8Array) {
    this.buffer = buffer;
  }

  /** A varint as its low 28 and high 36 bits. */
  varint(end: number): [low: number, high: number] {
    let [low, high] = [0, 0];
    for (let i = 0; i < 10; i++) {
      if (this.at >= end) throw new Error('a number is cut off');
      const byte = this.buffer[this.at++] as number;
      if (i < 4) low |= (byte & 127) << (7 * i);
      else high += (byte & 127) * 2 ** (7 * i - 28);
      if (byte < 128) return [low, high % 2 ** 36];
    }
    throw new Error('a number has more than 10 bytes');
  }

  uint32(end: number): number {
    const [low, high] = this.varint(end);
    return (low | (high << 28)) >>> 0;
  }

  bytes(end: number): Uint8Array {
    return this.advance(this.uint32(end), end);
  }

  /** Where the message or packed numbers that begin here end. */
  stop(end: number): number {
    const { length } = this.bytes(end);
    this.at -= length;
    return this.at + length;
  }

  /** The next `length` bytes. */
  advance(length: number, end: number): Uint8Array {
    const start = this.at;
    if (length > end - start) throw new Error('a field ends beyond its message');
    this.at += length;
    return this.buffer.subarray(start, this.at);
  }

  /** Field number and wire type. */
  tag(end: number): [number: number, wireType: number] {
    const [low, high] = this.varint(end);
    const tag = (low | (high << 28)) >>> 0;
    if (tag < 8 || high > 15) throw new Error(`${tag} is not a tag`);
    return [tag >>> 3, tag & 7];
  }

  skip(number: number, wireType: number, end: number, depth = 0): void {
    this.unknown = true;
    if (wireType === VARINT) this.varint(end);
    else if (wireType === BIT64) this.advance(8, end);
    else if (wireType === BIT32) this.advance(4, end);
    else if (wireType === DELIMITED) this.bytes(end);
    else if (wireType === START_GROUP && depth < MAX_GROUP_DEPTH)
      for (;;) {
        const [inner, innerType] = this.tag(end);
        if (innerType !== END_GROUP) this.skip(inner, innerType, end, depth + 1);
        else if (inner === number) return;
        else throw new Error(`group ${number} ends as ${inner}`);
      }
    else throw new Error(`wire type ${wireType} of field ${number}`);
  }

  value(kind: number, end: number): unknown {
    switch (kind) {
      case Kind.UINT32:
        return this.uint32(end);
      case Kind.ENUM:
        return this.uint32(end) | 0;
      case Kind.BOOL:
        return this.varint(end).some(Boolean);
      case Kind.UINT64: {
        const [low, high] = this.varint(end);
        return (BigInt(high) << 28n) | BigInt(low);
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
      const [number, wireType] = this.tag(end);
      const row = table.find((candidate) => candidate[0] === number);
      if (row) {
        if (wireType === wireTypeOf(row[2])) this.field(row, end, into);
        else if (wireType === DELIMITED && row[3])
          // Numbers come one by one or packed (protobuf encoding guide, Packed Repeated Fields).
          for (const stop = this.stop(end); this.at < stop; ) this.field(row, stop, into);
        else throw new Error(`field ${row[1]} has wire type ${wireType}`);
      } else this.skip(number, wireType, end);
    }
    return into;
  }

  field([, name, kind, repeated, table, oneof]: Row, end: number, into: Fields): void {
    const before = oneof ? (into[oneof] as Fields) : undefined;
    let value: unknown;
    if (kind === Kind.MESSAGE) {
      const stop = this.stop(end);
      // A message that comes twice is one, its fields merged (protobuf encoding guide, Last One Wins).
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
  for (const [, name, kind, repeated, , oneof] of table) {
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

/** Encodes a message; fields that are missing have their default. */
export function write(table: Table, message: object): Uint8Array<ArrayBuffer> {
  const parts: (number[] | Uint8Array)[] = [];
  const length = writeFields(table, message as Fields, parts);
  const frame = new Uint8Array(length);
  // Parts are in reverse: a message's length is known when its fields are written.
  let at = length;
  for (const part of parts) {
    at -= part.length;
    frame.set(part, at);
  }
  return frame;
}

/** Appends the encoded fields, last one first; returns how many bytes they are. */
function writeFields(table: Table, message: Fields, parts: (number[] | Uint8Array)[]): number {
  let total = 0;
  const put = (part: number[] | Uint8Array) => {
    parts.push(part);
    return part.length;
  };
  for (let i = table.length - 1; i >= 0; i--) {
    const [number, name, kind, repeated, inner, oneof] = table[i] as Row;
    let values: unknown[];
    if (oneof) {
      const chosen = message[oneof] as Fields | undefined;
      values = chosen?.case === name ? [chosen.value] : [];
    } else if (repeated) values = [...((message[name] as unknown[]) ?? [])].reverse();
    else values = isDefault(kind, message[name]) ? [] : [message[name]];
    if (repeated && kind < Kind.STRING && values.length > 0) {
      const length = values.reduce<number>((sum, value) => sum + put(scalar(kind, value)), 0);
      total += length + put(varint(length)) + put(varint(number * 8 + DELIMITED));
      continue;
    }
    for (const value of values) {
      let length: number;
      if (kind === Kind.MESSAGE) {
        length = writeFields(inner as Table, value as Fields, parts);
        length += put(varint(length));
      } else if (kind >= Kind.STRING) {
        const bytes =
          kind === Kind.STRING ? encoder.encode(value as string) : (value as Uint8Array);
        length = put(bytes);
        length += put(varint(length));
      } else length = put(scalar(kind, value));
      total += length + put(varint(number * 8 + wireTypeOf(kind)));
    }
  }
  return total;
}

function scalar(kind: number, value: unknown): number[] | Uint8Array {
  if (kind === Kind.UINT64) return varint(value as bigint);
  if (kind !== Kind.FIXED64) return varint(Number(value));
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value as bigint, true);
  return bytes;
}

function isDefault(kind: number, value: unknown): boolean {
  if (value === undefined || value === DEFAULTS[kind]) return true;
  return kind === Kind.BYTES && (value as Uint8Array).length === 0;
}

/** @throws {RangeError} if the number is negative, broken or has more than 64 bits. */
function varint(value: number | bigint): number[] {
  if (value < 0 || value > MAX_UINT64 || (typeof value === 'number' && !Number.isInteger(value)))
    throw new RangeError(`${value} is not a whole number of up to 64 bits`);
  const bytes: number[] = [];
  let rest = value as number;
  if (typeof value === 'bigint') {
    let large = value;
    for (; large > MAX_SAFE; large >>= 7n) bytes.push(Number(large & 127n) | 128);
    rest = Number(large);
  }
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return bytes;
}
