// Where the tests find what was built and what was installed.
import fs from 'node:fs';
import path from 'node:path';
import { execFileSync } from 'node:child_process';

export const repository = path.resolve(import.meta.dirname, '../..');
export const buildDir = path.resolve(process.env.NEXUS_BUILD_DIR ?? path.join(repository, 'build/release'));
export const asan = process.env.NEXUS_ASAN === '1';
export const valgrind = process.env.NEXUS_VALGRIND === '1';
/** Is memory watched? Then it is no measure of what nginx needs. */
export const watched = asan || valgrind;
export const isRoot = process.getuid() === 0;

/** A file below the build folder. */
export function built(relative) {
  const file = path.join(buildDir, relative);
  if (!fs.existsSync(file)) {
    throw new Error(`${file} does not exist: build it, or point NEXUS_BUILD_DIR at the build folder`);
  }
  return file;
}

/** NEXUS_MODULE: another one than the build folder's, e.g. what scripts/optimise has built. */
export const modulePath = () => (process.env.NEXUS_MODULE ? path.resolve(process.env.NEXUS_MODULE) : built('ngx_module/ngx_http_nexus_module.so'));

/** What lets an uninstrumented program load libraries built with AddressSanitizer; reports go to `logPrefix`.PID. */
export function asanPreload(logPrefix) {
  const library = (name) => execFileSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();
  return {
    LD_PRELOAD: `${library('libasan.so')}:${library('libstdc++.so')}`,
    ...sanitizerOptions(logPrefix),
  };
}

/** A command line whose program, and what it starts, valgrind watches; reports go to `logPrefix`.PID. */
export function underValgrind(command, args, logPrefix) {
  return {
    command: 'valgrind',
    args: ['-q', '--trace-children=yes', '--num-callers=30', `--log-file=${logPrefix}.%p`,
      `--suppressions=${path.join(import.meta.dirname, 'valgrind.supp')}`, command, ...args],
  };
}

/** Options for programs that are instrumented themselves. */
export function sanitizerOptions(logPrefix) {
  return {
    // ngx_modules is defined by nginx and by the module: odr reports would end the start.
    ASAN_OPTIONS: `detect_odr_violation=0:log_path=${logPrefix}:abort_on_error=0:exitcode=99`,
    UBSAN_OPTIONS: `print_stacktrace=1:log_path=${logPrefix}`,
    LSAN_OPTIONS: `suppressions=${path.join(import.meta.dirname, 'lsan.supp')}:print_suppressions=0`,
    TSAN_OPTIONS: `log_path=${logPrefix}:exitcode=99`,
  };
}
