// Plain JavaScript, so that any Node can say this: an older one does not run TypeScript at all.
const WANTED = 24;

if (Number(process.versions.node.split('.')[0]) < WANTED) {
  console.error(
    `This is Node ${process.versions.node}; Zauberflöte needs ${WANTED} or later.\n` +
      'npm scripts use the one in node_modules/.bin: run "npm ci" and then this again with npm.',
  );
  process.exitCode = 1;
}
