// How the tests run: the compiled files, each in a child process of its own (a native addon and threads do not mix).
export default {
  files: ['dist/test/**/*.test.js'],
  workerThreads: false,
  timeout: '10m',
  // The computation takes all cores by itself; two test files at once would only make each other wait.
  concurrency: 1,
  environmentVariables: { OMP_WAIT_POLICY: 'passive' },
}
