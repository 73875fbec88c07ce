// What a log keeps of an error that nobody foresaw: what kind it is and where it was made. Not its words, which may quote
// what was typed or seen (G10, G11).

export function traceOf(error: unknown): string {
  if (!(error instanceof Error)) return "no error object";
  const { name, message, stack = "", code } = error as NodeJS.ErrnoException;
  const afterWords = stack.slice(stack.indexOf(message) + message.length);
  const frames = afterWords.split("\n").filter((line) => /^ {4}at /.test(line));
  return [code === undefined ? name : `${name} ${code}`, ...frames.map((frame) => frame.trim())].join(" ");
}
