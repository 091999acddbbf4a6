// Frames of the Redis protocol (RESP2), as bytes: where one ends, and what a command says.

/** The end of the frame that begins at `offset`, or undefined if it is not all there. */
export function frameEnd(bytes, offset = 0) {
  const lineEnd = bytes.indexOf('\r\n', offset);
  if (lineEnd < 0) {
    return undefined;
  }
  const after = lineEnd + 2;
  const count = Number(bytes.toString('latin1', offset + 1, lineEnd));
  switch (String.fromCharCode(bytes[offset])) {
    case '$':
      return count < 0 ? after : after + count + 2 <= bytes.length ? after + count + 2 : undefined;
    case '*': {
      let end = after;
      for (let i = 0; i < count && end !== undefined; i++) {
        end = frameEnd(bytes, end);
      }
      return end;
    }
    default:
      return after;
  }
}

/** Collects bytes and hands over each whole frame. */
export class Frames {
  #bytes = Buffer.alloc(0);

  * push(chunk) {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    for (let end; this.#bytes.length > 0 && (end = frameEnd(this.#bytes)) !== undefined;) {
      yield this.#bytes.subarray(0, end);
      this.#bytes = this.#bytes.subarray(end);
    }
  }
}

/** The words of a command's frame. */
export function wordsOf(frame) {
  const words = [];
  let offset = frame.indexOf('\r\n') + 2;
  while (offset < frame.length) {
    const lineEnd = frame.indexOf('\r\n', offset);
    const length = Number(frame.toString('latin1', offset + 1, lineEnd));
    words.push(frame.toString('latin1', lineEnd + 2, lineEnd + 2 + length));
    offset = lineEnd + 2 + length + 2;
  }
  return words;
}

export const bulk = (bytes) => Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), Buffer.from(bytes), Buffer.from('\r\n')]);
