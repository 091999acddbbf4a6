// Debian's nginx with our module, started from a whole configuration that the test shows. At its stop the error log must
// hold no [alert] and no [emerg], and no sanitizer may have reported anything. What the configuration says is the test's.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { cleanup } from './cleanup.mjs';
import { asan, asanPreload, isRoot, modulePath } from './paths.mjs';
import { findPorts } from './ports.mjs';
import { runProgram, startProgram } from './process.mjs';
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
 */
export async function startNginx(t, { config, ports: count = 1, logLevel = 'debug', env = {}, files = {}, allow, readyPort }) {
  const prepared = await prepare(t, { config, count: readyPort ? 0 : count, logLevel, files });
  prepared.ports = readyPort ? [readyPort] : prepared.ports;
  const nginx = new Nginx(prepared, { env, allow });
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

async function prepare(t, { config, count, logLevel, files }) {
  const dir = makeWorkdir(t, 'nginx');
  const ports = await findPorts(count);
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(dir, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, typeof content === 'function' ? content({ dir }) : content, { mode: 0o600 });
  }
  const globals = [
    'daemon off;',
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
  return { dir, ports };
}

function commandLine({ dir }) {
  return ['-p', dir, '-c', path.join(dir, 'nginx.conf'), '-e', path.join(dir, 'error.log')];
}

function environment({ dir }, env) {
  return { PATH: process.env.PATH, ...(asan ? asanPreload(path.join(dir, 'sanitizer')) : {}), ...env };
}

class Nginx {
  constructor({ dir, ports }, { env, allow }) {
    this.dir = dir;
    this.ports = ports;
    this.port = ports[0];
    this.url = `http://127.0.0.1:${this.port}`;
    this.env = env;
    this.allow = allow;
    this.stopped = false;
  }

  async start() {
    this.stopped = false;
    this.program = await startProgram({
      name: 'nginx',
      command: NGINX,
      args: commandLine(this),
      env: environment(this, this.env),
      logFile: path.join(this.dir, 'stderr.log'),
      ready: () => fs.existsSync(path.join(this.dir, 'nginx.pid')) && accepts(this.port),
    });
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
    return fs.readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8').trim().split(/\s+/).filter(Boolean).map(Number);
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
    const reports = fs.readdirSync(this.dir).filter((name) => name.startsWith('sanitizer.'));
    assert.deepEqual(reports.map((name) => fs.readFileSync(path.join(this.dir, name), 'utf8')), [], 'sanitizer reports');
  }
}
