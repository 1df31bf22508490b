// What a test needs of the machine and may not find there.

/**
 * `why`, for a test to be skipped by. Where every test must run (LATCHKEY_EVERY_TEST_RUNS, which .ci/run sets) it is thrown: a test
 * that was skipped unseen shows nothing.
 */
export function orFail(why) {
  if (why && process.env.LATCHKEY_EVERY_TEST_RUNS) throw new Error(`LATCHKEY_EVERY_TEST_RUNS is set, and ${why}`);
  return why;
}
