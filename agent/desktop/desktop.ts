// The one interface to a desktop, whatever its platform: X11 (`x11.ts`), Windows (`windows.ts`) or simulated
// (`simulated.ts`). The runner knows this file and no platform.
//
// Invariants every implementation keeps (the contract test checks them):
// 1. Every input call (one character, one key chord, one pointer event) is made between `gate.admit` and
//    `gate.injected`, with nothing awaited in between, and the window given to `admit` is the one that receives it:
//    the platform is asked, not remembered, and where it can be done (X11: a server grab) nothing can change between
//    the question and the call. Windows cannot do it; `windows/guarded-input.ts` says what it promises instead.
// 2. If `admit` throws, that call is not made, and what was pressed is released.
// 3. Text arrives exactly, any Unicode, or the call throws.

/** A rectangle in desktop pixels, origin at the top left of the whole (virtual) screen. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A point in desktop pixels. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A top-level window as its user sees it. */
export interface DesktopWindow {
  /** The platform's own handle, as text. */
  readonly id: string;
  readonly title: string;
  /** WM_CLASS's class on X11, the window class on Windows. */
  readonly className: string;
  /** 0 when the window does not say. */
  readonly pid: number;
  /** Name of the executable of `pid` (`mousepad`; on Windows in lower case, `notepad.exe`); empty when unknown. */
  readonly process: string;
  /** Without the frame that the window manager, or Windows, puts around it. */
  readonly box: Box;
  /** True for a window that blocks its parent until it is answered (transient for another window, and modal). */
  readonly modal: boolean;
  /** True for a window that says of itself that it asks or tells something, and is not what its user works in. */
  readonly dialog: boolean;
}

/** Pixels, 4 bytes each, in the order red, green, blue, (ignored); rows from the top, no padding. */
export interface Frame {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8Array;
}

/** Why there is nothing that a person would see. The same words as the channel's `SurfaceCause`. */
export type SurfaceCause = "LOCKED" | "BLANK" | "NO_SESSION" | "UNREACHABLE" | "DISCONNECTED" | "SECURE_DESKTOP";

/** Whether there is a surface that a person would see. */
export type Surface =
  | { readonly is: "present"; readonly width: number; readonly height: number }
  | { readonly is: "absent"; readonly cause: SurfaceCause };

/** What an inventory and a diagnosis tell of a desktop. */
export interface DesktopTraits {
  /** How health screenshots are taken: one shot has shown that it works. Empty: in no way that is worth telling. */
  readonly capture: "screenshot-desktop" | "gdi" | "xlib" | "";
  /** Dots per inch, 96 is 100 %; 0 when unknown. */
  readonly dpi: number;
  /** What kind of session it is; empty when unknown. */
  readonly session: "console" | "rdp" | "x11" | "";
  /** Whether it tells of somebody else's input (`foreignInputMsAgo`). */
  readonly presence: boolean;
}

/** Asked around every single input call. See the invariants above. */
export interface InputGate {
  /** Resolves when input may go on; throws when it never will (cancelled, deadline). Awaited before each input call. */
  ready(): Promise<void>;
  /**
   * Synchronous, immediately before the call, with the window that will receive it. Throws if it may not; false if it may
   * not now: `ready` has to be waited for again, and this asked again.
   */
  admit(receiver: DesktopWindow | undefined): boolean;
  /** Synchronous, immediately after the call reached the desktop. */
  injected(): void;
}

export type PointerButton = "left" | "middle" | "right";

/** A running process. `memoryBytes` is its resident set. */
export interface DesktopProcess {
  readonly pid: number;
  readonly name: string;
  readonly memoryBytes: number;
}

export interface Desktop {
  /** Which implementation this is; shown in inventories. */
  readonly platform: "x11" | "windows" | "simulated";

  /**
   * Whether the window system answers within `timeoutMs`: false if it hangs. Holds up nothing, as every other call may do
   * then. One that is not there at all answers that at once; `surface` tells.
   */
  answers(timeoutMs: number): Promise<boolean>;
  surface(): Promise<Surface>;
  traits(): Promise<DesktopTraits>;
  /**
   * How long ago somebody else than this desktop sent input: a person at the mouse. Undefined when none is known of, or the
   * platform does not tell.
   */
  foreignInputMsAgo(): number | undefined;
  /**
   * How often somebody else pressed a key or a button so far. Only grows. A platform that does not tell presses from moves
   * counts both.
   */
  foreignPresses(): number;
  /** One picture of the whole screen. The fast, in-process path. */
  capture(): Promise<Frame>;
  /** A PNG of the whole screen by the slower, independent path (screenshot-desktop); for health screenshots. */
  healthScreenshot(): Promise<Uint8Array>;

  /** All top-level windows, the topmost last. */
  windows(): Promise<DesktopWindow[]>;
  /** The window that would receive keyboard input now. */
  activeWindow(): Promise<DesktopWindow | undefined>;
  /** Raises and focuses a window, and resolves when it is active; false if it did not become active in `timeoutMs`. */
  focus(window: DesktopWindow, timeoutMs: number): Promise<boolean>;
  /** Asks a window to close, as its close button would. */
  close(window: DesktopWindow): Promise<void>;
  /** Whether the window's application answers its window system within `timeoutMs` (X11: _NET_WM_PING). */
  responsive(window: DesktopWindow, timeoutMs: number): Promise<boolean>;
  processes(): Promise<DesktopProcess[]>;
  /** Starts a program in its own process group and returns its pid; throws if it cannot be started. */
  launch(
    command: readonly string[],
    options: { readonly cwd?: string; readonly env?: Record<string, string> },
  ): Promise<number>;
  /**
   * Tells a process to end, or with `force` ends it, one that stands still too. One that is gone is no fault. Windows has
   * no way of telling that every program takes: there it is ended in both cases.
   */
  endProcess(pid: number, force: boolean): Promise<void>;

  /** Types text exactly: line feeds as Return, tabs as Tab. The receiver is the focused window. */
  type(text: string, gate: InputGate): Promise<void>;
  /** Presses a chord such as `ctrl+shift+s`, `enter`, `alt+F4`. Throws `UnknownKey` for a key that is not known. */
  press(chord: string, gate: InputGate): Promise<void>;
  /** Moves the pointer. The receiver of this and all pointer calls is the top-level window under `to`. */
  move(to: Point, gate: InputGate): Promise<void>;
  /** Moves to `at` and clicks `count` times (2 is a double click). */
  click(at: Point, button: PointerButton, count: number, gate: InputGate): Promise<void>;
  /** Presses the left button at `from`, moves to `to` in steps, releases. */
  drag(from: Point, to: Point, gate: InputGate): Promise<void>;
  /** Turns the wheel at `at`: positive `dy` scrolls down, positive `dx` to the right, in notches. */
  scroll(at: Point, dx: number, dy: number, gate: InputGate): Promise<void>;
  /** The clipboard's text, empty when there is none. */
  readClipboard(): Promise<string>;
  writeClipboard(text: string): Promise<void>;

  /** Releases what the desktop holds (connections, workers). Idempotent. */
  stop(): Promise<void>;
}

/** A key name in a chord that no keyboard of this desktop has. */
export class UnknownKey extends Error {
  override readonly name = "UnknownKey";
}

/** Another window took the input's place while a call was made: it may have gone there. On platforms without a grab. */
export class ReceiverChanged extends Error {
  override readonly name = "ReceiverChanged";
}
