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

/** The text of a content id in a page, and the id; or why it is none. */
export interface TextVector {
  readonly name: string;
  readonly text: string;
  /** ProtoJSON of the ContentId. */
  readonly json?: Readonly<Record<string, unknown>>;
  /** False: another text of the same id exists and would be written. */
  readonly canonical?: false;
  readonly why?: string;
}

/** A SessionDescription, and the SDP that its receiver makes of it; or why it is refused. */
export interface SdpVector {
  readonly name: string;
  readonly description?: string;
  readonly hex: string;
  /** ProtoJSON of the message. */
  readonly json: Readonly<Record<string, unknown>>;
  /** Its lines, each of which ends with CR LF. */
  readonly sdp?: readonly string[];
  readonly why?: string;
}

/** The frame that `hex` describes. */
export function frameOf(hex: Hex): Uint8Array<ArrayBuffer> {
  const parts = typeof hex === 'string' ? [hex] : hex;
  const text = parts.map((part) =>
    typeof part === 'string' ? part : part.repeat.repeat(part.times),
  );
  return Uint8Array.from(Buffer.from(text.join(''), 'hex'));
}
