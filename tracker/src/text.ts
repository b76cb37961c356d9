/** The longest prefix of `text` of at most `maxBytes` UTF-8 bytes that ends with a whole character. */
export function truncateUtf8(text: string, maxBytes: number): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(maxBytes));
  return text.slice(0, read);
}
