import { create, type JsonValue, toJson } from '@bufbuild/protobuf';
import { ContentIdSchema, TrackerService } from '@zauberflote/proto/full';
import { content } from './messages.ts';

export interface Publishing {
  readonly token?: string | Promise<string> | undefined;
  readonly contents: readonly number[];
  readonly site?: string;
  readonly ttlSeconds?: number;
}

/** Publishes as curl does: JSON over HTTP/1.1. @param base such as `http://127.0.0.1:8080` */
export async function publishTo(
  base: string,
  { token, contents, site, ttlSeconds }: Publishing,
): Promise<Response> {
  return fetch(`${base}/${TrackerService.typeName}/Publish`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      ...(token !== undefined && { Authorization: `Bearer ${await token}` }),
    },
    body: JSON.stringify({ site, ttlSeconds, contents: contents.map(contentJson) }),
  });
}

/** A content id as JSON has it. */
export function contentJson(n: number): JsonValue {
  return toJson(ContentIdSchema, create(ContentIdSchema, content(n)));
}
