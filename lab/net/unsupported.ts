/**
 * This machine cannot do what was asked for; the message says what it lacks and the cure. Not a
 * failure, and never thrown for anything else that goes wrong.
 */
export class Unsupported extends Error {}
