// Runs before the tests inside an executable (in-executable.ts): the agent's program, which comes after them, does not end
// the process, what the tests start is not loaded with them once more, and the outer test runner is not spoken to.

process.exit = (() => {}) as typeof process.exit;
delete process.env["NODE_OPTIONS"];
delete process.env["NODE_TEST_CONTEXT"];
