// Starts the programs that tests talk to, waits until each is ready, and stops them by process id. Every child dies
// with its test, also when the test runner itself is killed. What a program is told is left to nginx.mjs and siblings.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { waitFor } from './wait.mjs';

const running = new Set();

/**
 * Starts a program.
 *
 * name     for messages
 * command  path, or a name found in PATH; args its arguments
 * env      the whole environment of the child (default: this process's)
 * cwd      folder it starts in; logFile gets its output, otherwise `output()` has it
 * user     {uid, gid} to run as, where it must not be root
 * ready    async function; the program counts as started once it returns true. Polled to `timeout` ms
 *
 * returns a Program. Throws with the program's last output when it ends early or is not ready in time.
 */
export async function startProgram({ name, command, args = [], env, cwd, logFile, user, ready, timeout = 15000 }) {
  const program = new Program({ name, command, args, env, cwd, logFile, user });
  if (ready) {
    try {
      await waitFor(`${name} to be ready`, () => {
        if (program.exited) {
          throw Object.assign(new Error(`${name} ended early (${program.ending})`), { fatal: true });
        }
        return ready();
      }, { timeout });
    } catch (error) {
      await program.stop('SIGKILL');
      throw new Error(`${error.message}\n${tail(program.output())}`, { cause: error.cause });
    }
  }
  return program;
}

/** Runs a program to its end and returns {code, signal, stdout, stderr}; it never throws on a non-zero code. */
export function runProgram(command, args = [], { env, cwd, input, timeout = 60000, user } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, cwd, timeout, killSignal: 'SIGKILL', ...user, stdio: ['pipe', 'pipe', 'pipe'] });
    const out = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text) => { out.stdout += text; });
    child.stderr.setEncoding('utf8').on('data', (text) => { out.stderr += text; });
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, ...out }));
    child.stdin.on('error', () => {});   // the program may end without reading its input
    child.stdin.end(input ?? '');
  });
}

/** Like runProgram, but anything else than exit code 0 is an error that shows what the program said. */
export async function mustRun(command, args = [], options = {}) {
  const result = await runProgram(command, args, options);
  if (result.code !== 0) {
    throw new Error(`${command} ${args[0] ?? ''} ended with ${result.code ?? result.signal}\n${tail(result.stderr || result.stdout)}`);
  }
  return result.stdout;
}

class Program {
  constructor({ name, command, args, env, cwd, logFile, user }) {
    this.name = name;
    this.logFile = logFile;
    this.exited = false;
    this.ending = '';
    this.captured = '';

    const log = logFile ? fs.openSync(logFile, 'a') : undefined;
    // setpriv makes the kernel end the child when this process dies, however it dies.
    this.child = spawn('setpriv', ['--pdeathsig', 'TERM', command, ...args], {
      env, cwd, ...user, detached: true, stdio: ['ignore', log ?? 'pipe', log ?? 'pipe'],
    });   // detached: a Ctrl-C at the terminal reaches only us, and we stop the children in order
    if (log !== undefined) {
      fs.closeSync(log);
    } else {
      for (const stream of [this.child.stdout, this.child.stderr]) {
        stream.setEncoding('utf8').on('data', (text) => { this.captured = (this.captured + text).slice(-1 << 20); });
      }
    }
    running.add(this);
    this.finished = new Promise((resolve) => {
      const end = (text) => {
        this.exited = true;
        this.ending = text;
        running.delete(this);
        resolve(text);
      };
      this.child.once('error', (error) => end(error.message));
      this.child.once('exit', (code, signal) => end(signal ? `signal ${signal}` : `code ${code}`));
    });
  }

  get pid() {
    return this.child.pid;
  }

  /** Sends a signal to the program alone, not to its children. */
  signal(name) {
    if (!this.exited) {
      this.child.kill(name);
    }
  }

  /** Ends the program and waits for it; after `timeout` ms it is killed. Returns how it ended, e.g. "code 0". */
  async stop(signal = 'SIGTERM', { timeout = 10000 } = {}) {
    if (this.exited) {
      return this.ending;
    }
    this.child.kill('SIGCONT');   // a stopped process would not see the next signal
    this.child.kill(signal);
    if (signal === 'SIGKILL') {
      this.killGroup();
    }
    const timer = setTimeout(() => {
      this.killedLate = true;
      this.killGroup();
    }, timeout);
    const ending = await this.finished;
    clearTimeout(timer);
    return this.killedLate ? `${ending}, not within ${timeout} ms of ${signal}` : ending;
  }

  /** Kills the program and what it has started (nginx's workers outlive a killed master). */
  killGroup() {
    try {
      process.kill(-this.child.pid, 'SIGKILL');
    } catch (error) {
      if (error.code !== 'ESRCH') {
        throw error;
      }
    }
  }

  output() {
    return this.logFile ? fs.readFileSync(this.logFile, 'utf8') : this.captured;
  }
}

function tail(text, lines = 30) {
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}

function terminateAll() {
  for (const program of running) {
    program.child.kill('SIGCONT');
    program.child.kill('SIGTERM');   // not SIGKILL: nginx has to take its workers along
  }
}

process.on('exit', terminateAll);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => process.exit(1));   // and so to terminateAll
}
