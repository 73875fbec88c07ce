// A desktop that outlives its connection: opened when it is first needed, and opened again after it was lost. Without a
// surface it says so, rather than keeping the agent from attaching and telling.
//
// Before each call the window system is asked whether it answers: most calls wait for ever for one that hangs, and the whole
// process with them. One that stops in the middle of a call still does that; then the machine falls silent, and is taken over.

import type { Desktop, DesktopWindow, InputGate, Point, PointerButton, Surface } from "./desktop.ts";

const UNREACHABLE: Surface = { is: "absent", cause: "UNREACHABLE" };
const ANSWERS_WITHIN_MS = 3000;

/** The window system did not answer. */
export class DesktopStuck extends Error {
  override readonly name = "DesktopStuck";
}

/** What tells, before a desktop is open, whether its window system answers. */
export type Pulse = Pick<Desktop, "answers">;

export interface ReopeningOptions {
  readonly platform: Desktop["platform"];
  readonly open: () => Promise<Desktop>;
  readonly pulse: Pulse;
}

export function reopeningDesktop(options: ReopeningOptions): Desktop {
  return new ReopeningDesktop(options);
}

class ReopeningDesktop implements Desktop {
  readonly platform: Desktop["platform"];
  readonly #open: () => Promise<Desktop>;
  readonly #pulse: Pulse;
  #opened: Promise<Desktop> | undefined;
  /** What `#opened` came to, for a question that is not waited for. */
  #current: Desktop | undefined;
  #pressesBefore = 0;

  constructor({ platform, open, pulse }: ReopeningOptions) {
    this.platform = platform;
    this.#open = open;
    this.#pulse = pulse;
  }

  answers = (timeoutMs: number) => this.#pulse.answers(timeoutMs);
  surface = () => this.#with((desktop) => desktop.surface()).catch(() => UNREACHABLE);
  traits = () => this.#with((desktop) => desktop.traits());
  capture = () => this.#with((desktop) => desktop.capture());
  healthScreenshot = () => this.#with((desktop) => desktop.healthScreenshot());
  windows = () => this.#with((desktop) => desktop.windows());
  activeWindow = () => this.#with((desktop) => desktop.activeWindow());
  focus = (window: DesktopWindow, timeoutMs: number) => this.#with((desktop) => desktop.focus(window, timeoutMs));
  close = (window: DesktopWindow) => this.#with((desktop) => desktop.close(window));
  responsive = (window: DesktopWindow, timeoutMs: number) =>
    this.#with((desktop) => desktop.responsive(window, timeoutMs));
  processes = () => this.#with((desktop) => desktop.processes());
  launch = (...started: Parameters<Desktop["launch"]>) => this.#with((desktop) => desktop.launch(...started));
  endProcess = (pid: number, force: boolean) => this.#with((desktop) => desktop.endProcess(pid, force));
  type = (text: string, gate: InputGate) => this.#with((desktop) => desktop.type(text, gate));
  press = (chord: string, gate: InputGate) => this.#with((desktop) => desktop.press(chord, gate));
  move = (to: Point, gate: InputGate) => this.#with((desktop) => desktop.move(to, gate));
  click = (at: Point, button: PointerButton, count: number, gate: InputGate) =>
    this.#with((desktop) => desktop.click(at, button, count, gate));
  drag = (from: Point, to: Point, gate: InputGate) => this.#with((desktop) => desktop.drag(from, to, gate));
  scroll = (at: Point, dx: number, dy: number, gate: InputGate) =>
    this.#with((desktop) => desktop.scroll(at, dx, dy, gate));
  readClipboard = () => this.#with((desktop) => desktop.readClipboard());
  writeClipboard = (text: string) => this.#with((desktop) => desktop.writeClipboard(text));

  foreignInputMsAgo = () => this.#current?.foreignInputMsAgo();

  /** On from where the connection before had come to. */
  foreignPresses = () => this.#pressesBefore + (this.#current?.foreignPresses() ?? 0);

  async stop(): Promise<void> {
    await (await this.#opened?.catch(() => undefined))?.stop();
  }

  /** A call is never repeated on the new connection: it is not known how much of it happened on the old one. */
  async #with<T>(call: (desktop: Desktop) => Promise<T>): Promise<T> {
    if (!(await this.#pulse.answers(ANSWERS_WITHIN_MS))) throw new DesktopStuck("the window system does not answer");
    this.#opened ??= this.#open();
    const opened = this.#opened;
    try {
      this.#current = await opened;
      return await call(this.#current);
    } catch (error) {
      const lost = (error as Error).name === "DesktopLost";
      if (lost && this.#opened === opened) {
        this.#pressesBefore = this.foreignPresses();
        this.#opened = undefined;
        this.#current = undefined;
        opened.then((desktop) => desktop.stop()).catch(() => {});
      }
      throw error;
    }
  }
}
