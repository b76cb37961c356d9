/** Cannot be run on this machine; the message says why. Not a failure. */
export class Unsupported extends Error {}
