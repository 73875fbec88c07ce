// The environment of Postgres's processes: a few named variables and nothing else.
//
// They run under another account, so Drover's own environment, which may hold keys, is not handed on; and PG* variables
// that are meant for clients would change how the server behaves.

const passedOn = ["PATH", "TZ", "DROVER_TEST_RUN"]; // the last one marks what a test run started, to find what it left

export function serverEnvironment(): Record<string, string> {
  const environment: Record<string, string> = { LC_ALL: "C" };
  for (const name of passedOn) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}
