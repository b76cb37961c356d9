import assert from 'node:assert/strict';
import jpeg from 'jpeg-js';
import { makePhoto } from './photo.ts';

const SMALL = { width: 240, height: 160, seed: 8, bytes: 20_000 };

function decode(photo: Uint8Array) {
  return jpeg.decode(photo, { useTArray: true, tolerantDecoding: false });
}

/** Length in bytes of each comment segment behind the start-of-image marker. */
function comments(photo: Uint8Array): number[] {
  const view = new DataView(photo.buffer, photo.byteOffset);
  const lengths: number[] = [];
  for (let at = 2; view.getUint16(at) === 0xfffe; at += lengths.at(-1)!) {
    lengths.push(view.getUint16(at + 2) + 2);
  }
  return lengths;
}

describe('makePhoto', () => {
  it('makes the picture of the paper: 786 432 bytes that decode at full size', () => {
    const photo = makePhoto({ width: 1600, height: 1067, seed: 8, bytes: 786_432 });
    assert.equal(photo.length, 786_432);
    const { width, height } = decode(photo);
    assert.deepEqual({ width, height }, { width: 1600, height: 1067 });
  });

  it('makes the same bytes for the same options', () => {
    assert.deepEqual(makePhoto(SMALL), makePhoto(SMALL));
  });

  it('paints another picture for another seed', () => {
    const one = decode(makePhoto(SMALL)).data;
    const other = decode(makePhoto({ ...SMALL, seed: 10 })).data;
    const changed = one.filter((value, i) => Math.abs(value - other[i]!) > 16).length;
    assert.ok(changed > one.length / 20, `only ${changed} of ${one.length} samples differ`);
  });

  it('is dark at the top, bright at the moon and not flat', () => {
    const { data, width } = decode(makePhoto(SMALL));
    const green = data.filter((_, i) => i % 4 === 1);
    const top = green.subarray(0, width * 5);
    assert.ok(top.reduce((sum, value) => sum + value, 0) / top.length < 70);
    assert.ok(Math.max(...green) > 220);
    assert.ok(new Set(green).size > 150);
  });

  it('hits every size, also where one or two comment segments end', () => {
    const tiny = { width: 16, height: 16, seed: 8 };
    const roomy = makePhoto({ ...tiny, bytes: 10_000 });
    const picture = roomy.length - comments(roomy).reduce((sum, length) => sum + length, 0);
    for (const segments of [1, 2]) {
      for (const more of [0, 1, 3, 4, 5]) {
        const bytes = picture + segments * 65_537 + more;
        const photo = makePhoto({ ...tiny, bytes });
        assert.equal(photo.length, bytes);
        const filled = comments(photo);
        assert.equal(filled.length, segments + (more > 0 ? 1 : 0));
        assert.equal(
          filled.reduce((sum, length) => sum + length, 0),
          bytes - picture,
        );
        assert.equal(decode(photo).width, 16, `${bytes} bytes do not decode`);
      }
    }
  });

  it('says how many bytes a picture needs that does not fit', () => {
    assert.throws(() => makePhoto({ ...SMALL, bytes: 700 }), {
      name: 'RangeError',
      message: /240x160 picture takes at least \d+ bytes, 700 are too few/,
    });
  });

  for (const wrong of [0, -1, 1.5, Number.NaN]) {
    it(`refuses a width of ${wrong}`, () => {
      assert.throws(() => makePhoto({ ...SMALL, width: wrong }), {
        name: 'RangeError',
        message: /^width is /,
      });
    });
  }
});
