import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { ScalarType } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/**
 * Checks that every field of `frame` ends within its message and has the wire type of the schema.
 * protobuf-es looks at neither (2.17: a nested message may read on into what follows it), so as an
 * oracle for what other implementations refuse it needs this beside it.
 * @throws {Error} saying what is wrong.
 */
export function checkWire(schema: DescMessage, frame: Uint8Array): void {
  const reader = new BinaryReader(frame);
  check(schema, reader, reader.len);
}

function check(schema: DescMessage, reader: BinaryReader, end: number): void {
  while (reader.pos < end) {
    const [number, wireType] = reader.tag();
    const field = schema.fields.find((candidate) => candidate.number === number);
    const packed = field?.fieldKind === 'list' && wireType === WireType.LengthDelimited;
    if (packed && wireTypeOf(field) === WireType.Varint) {
      const stop = stopOf(reader, end);
      while (reader.pos < stop) reader.skip(WireType.Varint, number);
      if (reader.pos !== stop) throw new Error('a packed number ends beyond its field');
    } else if (field && wireType !== wireTypeOf(field))
      throw new Error(`${field.parent.typeName}.${field.name} has wire type ${wireType}`);
    else if (field?.message) {
      check(field.message, reader, stopOf(reader, end));
    } else reader.skip(wireType, number);
  }
  if (reader.pos !== end) throw new Error('a field ends beyond its message');
}

/** Where the field whose length comes next ends. */
function stopOf(reader: BinaryReader, end: number): number {
  const length = reader.uint32();
  if (length > end - reader.pos) throw new Error('a field ends beyond its message');
  return reader.pos + length;
}

/** Of a field of the kinds that the schema uses: no maps, no groups; of repeated numbers, unpacked. */
function wireTypeOf(field: DescField): WireType {
  if (field.enum) return WireType.Varint;
  switch (field.scalar) {
    case undefined: // a message
    case ScalarType.BYTES:
    case ScalarType.STRING:
      return WireType.LengthDelimited;
    case ScalarType.FIXED64:
      return WireType.Bit64;
    default:
      return WireType.Varint;
  }
}
