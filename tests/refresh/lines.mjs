// Records as lines of JSON in a file: written in large pieces by one process, read whole by another when it is asked to.
import fs from 'node:fs';
import readline from 'node:readline';

const PIECE = 1 << 16;   // bytes

export class LineWriter {
  constructor(file) {
    this.fd = fs.openSync(file, 'w');
    this.waiting = '';
    this.count = 0;
  }

  write(record) {
    this.waiting += `${JSON.stringify(record)}\n`;
    this.count += 1;
    if (this.waiting.length >= PIECE) {
      this.flush();
    }
  }

  flush() {
    fs.writeSync(this.fd, this.waiting);
    this.waiting = '';
  }
}

/** The records of a file, in the order they were written. The writer must have flushed. */
export async function* readLines(file) {
  for await (const line of readline.createInterface({ input: fs.createReadStream(file), crlfDelay: Infinity })) {
    yield JSON.parse(line);
  }
}
