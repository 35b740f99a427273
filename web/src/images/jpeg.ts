/**
 * JPEG down to what a decoder needs (ITU-T T.81, annex B).
 *
 * Invariant: of the application segments only JFIF's own (APP0) and Adobe's colour flag (APP14) stay; profiles, EXIF, XMP, thumbnails and comments do
 * not, whatever this or the next browser's encoder writes of its own accord. The compressed picture is not touched.
 */

const MARKER = 0xff;
const START_OF_SCAN = 0xda;
const COMMENT = 0xfe;
const KEPT_APPLICATIONS = [0xe0, 0xee];

function isMetadata(kind: number): boolean {
  return kind === COMMENT || (kind >= 0xe0 && kind <= 0xef && !KEPT_APPLICATIONS.includes(kind));
}

/** The same picture without metadata segments. Throws `DOMException` (`EncodingError`) for what is no JPEG. */
export function bareJpeg(jpeg: Uint8Array<ArrayBuffer>): Blob {
  if (jpeg[0] !== MARKER || jpeg[1] !== 0xd8) throw new DOMException("not a JPEG", "EncodingError");
  const kept: Uint8Array<ArrayBuffer>[] = [jpeg.subarray(0, 2)];
  let at = 2;
  for (;;) {
    const [mark, kind, high, low] = jpeg.subarray(at, at + 4);
    if (mark !== MARKER || kind === undefined || high === undefined || low === undefined) throw new DOMException("not a JPEG", "EncodingError");
    if (kind === START_OF_SCAN) return new Blob([...kept, jpeg.subarray(at)], { type: "image/jpeg" });
    const end = at + 2 + high * 256 + low;
    if (!isMetadata(kind)) kept.push(jpeg.subarray(at, end));
    at = end;
  }
}
