/** Hex of a frame: written out, or in parts of which some are repeated (to keep the files small). */
export type Hex =
  | string
  | readonly (string | { readonly repeat: string; readonly times: number })[];

/** A frame that every decoder accepts. */
export interface Valid {
  readonly name: string;
  readonly description: string;
  readonly hex: string;
  /** ProtoJSON of the message. */
  readonly json: Readonly<Record<string, unknown>>;
  /** False: another encoding of the same message exists and an encoder would choose that. */
  readonly canonical?: false;
  /** Of a manifest: its content id, as in `data-zf-hash`. */
  readonly id?: string;
}

/** A frame that every decoder refuses. */
export interface Malformed {
  readonly name: string;
  readonly hex: Hex;
  /** Name of the ErrorCode. */
  readonly error: string;
  /** `wire`: not protobuf at all. `rule`: a message, but one that breaks a rule of the schema's comments. */
  readonly at: 'wire' | 'rule';
  readonly why: string;
}

/** A frame of a later version that every decoder takes without an error and does nothing about. */
export interface Ignored {
  readonly name: string;
  readonly hex: Hex;
  readonly ignored: true;
}

export type Vector = Valid | Malformed | Ignored;

/** The frame that `hex` describes. */
export function frameOf(hex: Hex): Uint8Array<ArrayBuffer> {
  const parts = typeof hex === 'string' ? [hex] : hex;
  const text = parts.map((part) =>
    typeof part === 'string' ? part : part.repeat.repeat(part.times),
  );
  return Uint8Array.from(Buffer.from(text.join(''), 'hex'));
}
