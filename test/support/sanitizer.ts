// Whether the tests run on the sanitized addon, where the size of the process says nothing of leaks.

/** The address sanitizer keeps freed memory for a while, which the process's size shows. */
export const isSanitized = (process.env.LD_PRELOAD ?? '').includes('libasan')
if (isSanitized) {
  console.log('skipped: the size of the process in the memory curve, since the sanitizer holds back freed memory')
}
