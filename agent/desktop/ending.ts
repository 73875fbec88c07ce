// Ending a program, the same on both real platforms. Windows tells no program to end by this: there it is ended either way.

export function endProgram(pid: number, force: boolean): void {
  try {
    process.kill(pid, force ? "SIGKILL" : "SIGTERM");
  } catch (error) {
    // It has ended meanwhile.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
