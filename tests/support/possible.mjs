// What a test needs of the machine and may not find there.

/**
 * Returns `why` as the reason to skip a test. Where every test must run (LATCHKEY_EVERY_TEST_RUNS, which .ci/run sets), it throws
 * `why`: a test that was skipped unseen shows nothing.
 */
export function orFail(why) {
  if (why && process.env.LATCHKEY_EVERY_TEST_RUNS) throw new Error(`LATCHKEY_EVERY_TEST_RUNS is set, and ${why}`);
  return why;
}
