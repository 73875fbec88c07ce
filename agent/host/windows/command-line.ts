// Which programs `exec` starts on Windows, and how they get arguments and environment: one text each. Pure.

/**
 * The command line of a program and its arguments, as CommandLineToArgvW and the C runtime take it apart: an argument with
 * spaces or quotes is quoted, a quote has a backslash before it, and backslashes are doubled before a quote only. No shell
 * sees it: `&`, `%` and `^` are letters like others.
 */
export function commandLine(path: string, programArguments: readonly string[]): string {
  if ([path, ...programArguments].some((part) => part.includes("\0"))) throw new Error("an argument contains NUL");
  // The first one is taken up to the next quote as it is.
  return [`"${path}"`, ...programArguments.map(quoted)].join(" ");
}

export function quoted(argument: string): string {
  if (argument !== "" && !/[\s"]/.test(argument)) return argument;
  return `"${argument.replace(/(\\*)("|$)/g, (_, slashes: string, end: string) => slashes + slashes + (end && '\\"'))}"`;
}

/**
 * The end of the name must be that of a program, exactly: a .bat or .cmd, with a point or a space behind it too, would be
 * given to a shell, which reads its arguments anew.
 */
export function refusedProgram(path: string): string | undefined {
  if (!/^([a-z]:[\\/]|\\\\)/i.test(path)) return "a whole path";
  return /\.(exe|com)$/i.test(path) ? undefined : "an .exe or .com (a batch file would need a shell)";
}

/** What programs see of the agent's environment: enough to find Windows, their user's folders and each other, no more. */
const ENVIRONMENT = [
  "ALLUSERSPROFILE",
  "APPDATA",
  "CommonProgramFiles",
  "CommonProgramFiles(x86)",
  "CommonProgramW6432",
  "COMPUTERNAME",
  "ComSpec",
  "HOMEDRIVE",
  "HOMEPATH",
  "LOCALAPPDATA",
  "NUMBER_OF_PROCESSORS",
  "OS",
  "PATH",
  "PATHEXT",
  "PROCESSOR_ARCHITECTURE",
  "ProgramData",
  "ProgramFiles",
  "ProgramFiles(x86)",
  "ProgramW6432",
  "PUBLIC",
  "SystemDrive",
  "SystemRoot",
  "TEMP",
  "TMP",
  "USERDOMAIN",
  "USERNAME",
  "USERPROFILE",
  "windir",
];

/** The environment block: `NAME=value` with a NUL after each, in the order of the names whatever their case, and a NUL. */
export function environmentBlock(environment: Readonly<Record<string, string | undefined>>): string {
  const seen = new Set(ENVIRONMENT.map((name) => name.toUpperCase()));
  const shown = Object.entries(environment).flatMap(([name, value]) =>
    value !== undefined && seen.has(name.toUpperCase())
      ? [{ name: name.toUpperCase(), entry: `${name}=${value}\0` }]
      : [],
  );
  shown.sort((a, b) => (a.name < b.name ? -1 : 1));
  return `${shown.map(({ entry }) => entry).join("")}\0`;
}
