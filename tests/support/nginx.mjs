// Debian's nginx with our module, started from a whole configuration that the test shows. At its stop the error log must
// hold no [alert] and no [emerg], and no sanitizer may have reported anything. What the configuration says is the test's.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { cleanup } from './cleanup.mjs';
import { asan, asanPreload, isRoot, modulePath, underValgrind, valgrind } from './paths.mjs';
import { findPorts } from './ports.mjs';
import { mustRun, runProgram, startProgram } from './process.mjs';
import { accepts, waitFor } from './wait.mjs';
import { makeWorkdir } from './workdir.mjs';

const NGINX = process.env.NEXUS_NGINX ?? '/usr/sbin/nginx';

/**
 * Starts nginx.
 *
 * t        the test's context, or {after} of node:test: nginx is stopped and checked at its end
 * config   function of {dir, ports, port, globals, http} returning the whole configuration. `globals` stands at its top
 *          (daemon, pid, error_log, user, load_module), `http` inside http {} (access log and temporary folders)
 * ports    how many ports to reserve (1); `port` is the first of them, and the one polled for readiness
 * logLevel of the error log (debug); env additional environment
 * files    {name: text, or function of {dir} returning it} to write into dir (mode 0600)
 * readyPort  the port to poll instead, where the test has found the ports itself
 * allow    regular expression of [alert]/[emerg] lines that the test provokes on purpose
 * under    the words of a tool that runs it, before its own ([])
 * daemon   as a daemon, for binary upgrades: nginx refuses them to a child of whoever started it
 */
export async function startNginx(t, { config, ports: count = 1, logLevel = 'debug', env = {}, files = {}, allow, readyPort, under = [], daemon = false }) {
  const prepared = await prepare(t, { config, count: readyPort ? 0 : count, logLevel, files, daemon });
  prepared.ports = readyPort ? [readyPort] : prepared.ports;
  const nginx = new Nginx(prepared, { env, allow, under, daemon });
  cleanup(t, () => nginx.stop());
  await nginx.start();
  return nginx;
}

/** Runs `nginx -t` on a configuration: {ok, message}. */
export async function testConfig(t, { config, ports: count = 1, env = {}, files = {} }) {
  const prepared = await prepare(t, { config, count, logLevel: 'info', files });
  const result = await runProgram(NGINX, ['-t', ...commandLine(prepared)], { env: environment(prepared, env) });
  return { ok: result.code === 0, message: result.stderr, dir: prepared.dir };
}

async function prepare(t, { config, count, logLevel, files, daemon = false }) {
  const dir = makeWorkdir(t, 'nginx');
  const ports = await findPorts(count);
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(dir, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, typeof content === 'function' ? content({ dir }) : content, { mode: 0o600 });
  }
  const globals = [
    `daemon ${daemon ? 'on' : 'off'};`,
    // A new binary gets these variables only, and needs the sanitizers' as well.
    ...(daemon && asan ? Object.keys(asanPreload(dir)).map((name) => `env ${name};`) : []),
    `pid ${dir}/nginx.pid;`,
    `error_log ${dir}/error.log ${logLevel};`,
    isRoot ? 'user root;' : '',
    `load_module ${modulePath()};`,
  ].join('\n');
  const http = [
    `access_log ${dir}/access.log;`,
    ...['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${dir}/${name}_temp;`),
  ].join('\n');
  const text = config({ dir, ports, port: ports[0], globals, http });
  fs.writeFileSync(path.join(dir, 'nginx.conf'), text);
  return { dir, ports, workerCount: workersOf(text) };
}

/** How many workers a configuration asks for. */
function workersOf(text) {
  if (/^\s*master_process off;/m.test(text)) {
    return 0;
  }
  const count = /^\s*worker_processes (\w+);/m.exec(text)?.[1] ?? '1';
  return count === 'auto' ? os.availableParallelism() : Number(count);
}

function commandLine({ dir }) {
  return ['-p', dir, '-c', path.join(dir, 'nginx.conf'), '-e', path.join(dir, 'error.log')];
}

/**
 * The words by which a script starts nginx itself (NEXUS_NGINX of ours), with what an instrumented module needs. Leaks are not
 * looked for: `nginx -s` leaves a pool of its own.
 */
export function nginxWords(dir, ...args) {
  if (!asan) {
    return [NGINX, ...args];
  }
  const preload = asanPreload(path.join(dir, 'sanitizer'));
  preload.ASAN_OPTIONS += ':detect_leaks=0';
  return ['env', ...Object.entries(preload).map(([name, value]) => `${name}=${value}`), NGINX, ...args];
}

/** What starts nginx for good: not what only reads its configuration. */
function startCommand(prepared) {
  const args = commandLine(prepared);
  if (valgrind) {
    return underValgrind(NGINX, args, path.join(prepared.dir, 'sanitizer'));
  }
  const [command, ...rest] = [...prepared.under, NGINX, ...args];
  return { command, args: rest };
}

function environment({ dir }, env) {
  return { PATH: process.env.PATH, ...(asan ? asanPreload(path.join(dir, 'sanitizer')) : {}), ...env };
}

function childrenOf(pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/).filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** Is the process gone, or only waiting for its parent to notice? */
function hasEnded(pid) {
  try {
    return /\) Z /.test(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}

/** The master of a daemon, which is not our child; those of later binaries are of the first one's group. */
class Master {
  constructor(pid, group = pid) {
    this.pid = pid;
    this.group = group;
    this.onExit = () => this.killGroup();
    process.on('exit', this.onExit);
  }

  signal(name) {
    process.kill(this.pid, name);
  }

  async stop(signal = 'SIGTERM', { timeout = 10000 } = {}) {
    this.signal(signal);
    try {
      await waitFor('the master to leave', () => hasEnded(this.pid), { timeout });
    } catch (error) {
      this.killGroup();
      return error.message;
    } finally {
      process.off('exit', this.onExit);
    }
    return 'code 0';
  }

  killGroup() {
    try {
      process.kill(-this.group, 'SIGKILL');
    } catch (error) {
      if (error.code !== 'ESRCH') {
        throw error;
      }
    }
  }

  output() {
    return '';
  }
}

class Nginx {
  constructor({ dir, ports, workerCount }, { env, allow, under, daemon }) {
    this.dir = dir;
    this.workerCount = workerCount;
    this.ports = ports;
    this.port = ports[0];
    this.url = `http://127.0.0.1:${this.port}`;
    this.env = env;
    this.allow = allow;
    this.under = under;
    this.daemon = daemon;
    this.stopped = false;
  }

  async start() {
    this.stopped = false;
    if (this.daemon) {
      await this.#startDaemon();
      return;
    }
    this.program = await startProgram({
      name: 'nginx',
      ...startCommand(this),
      env: environment(this, this.env),
      logFile: path.join(this.dir, 'stderr.log'),
      ready: () => this.#isReady(),
    });
  }

  async #startDaemon() {
    const { command, args } = startCommand(this);
    await mustRun(command, args, { env: environment(this, this.env) });
    await waitFor('nginx to be ready', () => this.#isReady());
    this.program = new Master(Number(fs.readFileSync(this.#pidFile, 'utf8')));
  }

  /** The master listens, and writes its pid, before it has workers. */
  #isReady() {
    const master = fs.existsSync(this.#pidFile) && Number(fs.readFileSync(this.#pidFile, 'utf8'));
    return master && childrenOf(master).length >= this.workerCount && accepts(this.port);
  }

  get #pidFile() {
    return path.join(this.dir, 'nginx.pid');
  }

  get pid() {
    return this.program.pid;
  }

  get errorLogFile() {
    return path.join(this.dir, 'error.log');
  }

  errorLog() {
    return fs.existsSync(this.errorLogFile) ? fs.readFileSync(this.errorLogFile, 'utf8') : '';
  }

  accessLog() {
    const file = path.join(this.dir, 'access.log');
    return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
  }

  /** Process ids of the workers that are there now, those that are shutting down included. */
  workers() {
    return childrenOf(this.pid);
  }

  /** Reloads (SIGHUP) and waits until the old workers are gone. `config` replaces the configuration's text first. */
  async reload({ config, timeout = 10000 } = {}) {
    if (config !== undefined) {
      fs.writeFileSync(path.join(this.dir, 'nginx.conf'), config);
    }
    const before = this.workers();
    this.program.signal('SIGHUP');
    await waitFor('the old nginx workers to leave', () => {
      const now = this.workers();
      return now.length > 0 && !now.some((pid) => before.includes(pid));
    }, { timeout });
  }

  /**
   * Begins a binary upgrade (SIGUSR2) and waits until the new master has workers. returns its pid. Then both serve:
   * finishUpgrade() or giveUpUpgrade() is next.
   */
  async beginUpgrade() {
    const file = path.join(this.dir, 'nginx.pid');
    this.program.signal('SIGUSR2');
    this.newPid = await waitFor('the new master', () => {
      const pid = fs.existsSync(file) && Number(fs.readFileSync(file, 'utf8'));
      return pid && pid !== this.pid && childrenOf(pid).length > 0 && pid;
    });
    return this.newPid;
  }

  /** The old master leaves (SIGQUIT), after its workers' last requests; from then on the new one is this nginx. */
  async finishUpgrade({ timeout = 10000 } = {}) {
    const old = this.program;
    this.program = new Master(this.newPid, old.group);
    assert.equal(await old.stop('SIGQUIT', { timeout }), 'code 0');
  }

  /** The new master leaves, and the old one, which has never stopped serving, goes on. */
  async giveUpUpgrade() {
    process.kill(this.newPid, 'SIGQUIT');
    await waitFor('the new master to leave', () => hasEnded(this.newPid));
  }

  async upgrade(options) {
    await this.beginUpgrade();
    await this.finishUpgrade(options);
  }

  /** Ends nginx (SIGQUIT: after the requests under way) and checks the logs. */
  async stop(signal = 'SIGTERM') {
    if (this.stopped || !this.program) {
      return;
    }
    this.stopped = true;
    const ending = await this.program.stop(signal);
    assert.equal(ending, 'code 0', `nginx ended with ${ending}\n${this.program.output()}`);
    this.assertCleanLogs();
  }

  assertCleanLogs() {
    const bad = `${this.errorLog()}\n${this.program.output()}`.split('\n')
      .filter((line) => /\[(alert|emerg)\]|exited with code (?!0\b)|runtime error: /.test(line) && !(this.allow?.test(line)));
    assert.deepEqual(bad, [], 'alerts in the error log');
    const reports = fs.readdirSync(this.dir).filter((name) => name.startsWith('sanitizer.'))
      .map((name) => fs.readFileSync(path.join(this.dir, name), 'utf8')).filter((text) => text !== '');   // valgrind opens its file at once
    assert.deepEqual(reports, [], 'reports of a sanitizer or of valgrind');
  }
}
