/**
 * For mocha's `require`: a rejection that nobody heard of fails the test it came in. Mocha 12 by itself
 * lets it pass without a word where no other listener is.
 */
process.on('unhandledRejection', (reason) => {
  throw reason;
});
