// The functions of Windows that the Windows desktop calls, declared once, as the documentation of Windows 10 has them (x64).
//
// 1. Handles are whole numbers: those of windows, desktops and menus have 32 significant bits, the others are pointers.
// 2. Structures are buffers that are read and written by offset; those of x64 are the only ones.
// 3. Out parameters are arrays of one element. `BOOL` is an int: 0 is "no".
// 4. The last error of a call is asked for nowhere: between the call and the question Node may have made others.

import koffi from "koffi";

/** A handle (HWND, HDC, HANDLE, ...). 0 is none. */
export type Handle = number;
/** An address in the memory of this process. `null` is NULL. */
export type Address = bigint;
type Out<T> = (T | null)[];

/** `async`: the call is made on another thread, for what may have to wait for another program. */
interface MayWait<A extends unknown[], R> {
  (...args: A): R;
  async(...args: [...A, (error: Error | null, result: R) => void]): void;
}

export interface Win32 {
  // user32: windows
  EnumWindows(visit: (window: Handle, data: number) => number, data: number): number;
  IsWindow(window: Handle): number;
  IsWindowVisible(window: Handle): number;
  IsWindowEnabled(window: Handle): number;
  IsIconic(window: Handle): number;
  GetAncestor(window: Handle, which: number): Handle;
  GetWindow(window: Handle, which: number): Handle;
  GetShellWindow(): Handle;
  GetDesktopWindow(): Handle;
  GetForegroundWindow(): Handle;
  SetForegroundWindow: MayWait<[Handle], number>;
  ShowWindowAsync(window: Handle, how: number): number;
  SetWindowPos(
    window: Handle,
    after: Handle,
    x: number,
    y: number,
    width: number,
    height: number,
    flags: number,
  ): number;
  WindowFromPoint(packedPoint: bigint): Handle;
  /** The title as the window manager knows it: asks nothing of the program, which may hang. */
  InternalGetWindowText(window: Handle, text: Uint16Array, unitsMax: number): number;
  GetClassNameW(window: Handle, text: Uint16Array, unitsMax: number): number;
  GetWindowThreadProcessId(window: Handle, pid: Out<number>): number;
  GetWindowLongW(window: Handle, index: number): number;
  GetClientRect(window: Handle, rect: Uint8Array): number;
  ClientToScreen(window: Handle, point: Uint8Array): number;
  GetWindowRect(window: Handle, rect: Uint8Array): number;
  GetDpiForWindow(window: Handle): number;
  AdjustWindowRectExForDpi(rect: Uint8Array, style: number, menu: number, extendedStyle: number, dpi: number): number;
  PostMessageW(window: Handle, message: number, wide: number, long: number): number;
  SendMessageTimeoutW: MayWait<[Handle, number, number, number, number, number, Out<number>], number>;
  CreateWindowExW(
    extendedStyle: number,
    className: string,
    title: string | null,
    style: number,
    x: number,
    y: number,
    width: number,
    height: number,
    parent: Handle,
    menu: Handle,
    instance: Handle,
    data: Address | null,
  ): Handle;
  DestroyWindow(window: Handle): number;

  // user32: input
  SendInput(count: number, inputs: Uint8Array, bytesEach: number): number;
  GetCursorPos(point: Uint8Array): number;
  GetLastInputInfo(info: Uint8Array): number;
  GetKeyState(key: number): number;
  GetKeyboardLayout(thread: number): number;
  VkKeyScanExW(unit: number, layout: number): number;
  MapVirtualKeyW(code: number, how: number): number;
  GetSystemMetrics(which: number): number;
  GetDoubleClickTime(): number;

  // user32: clipboard
  OpenClipboard(window: Handle): number;
  CloseClipboard(): number;
  EmptyClipboard(): number;
  SetClipboardData(format: number, memory: Handle): Handle;
  GetClipboardData(format: number): Handle;
  RegisterClipboardFormatW(name: string): number;

  // user32: desktops and their resolution
  OpenInputDesktop: MayWait<[flags: number, inherit: number, access: number], Handle>;
  CloseDesktop(desktop: Handle): number;
  GetProcessWindowStation(): Handle;
  GetUserObjectInformationW(
    object: Handle,
    which: number,
    info: Uint8Array,
    bytes: number,
    needed: Out<number>,
  ): number;
  SetProcessDpiAwarenessContext(context: number): number;
  SetProcessDPIAware(): number;
  GetDpiForSystem(): number;

  // gdi32
  GetDC(window: Handle): Handle;
  ReleaseDC(window: Handle, context: Handle): number;
  CreateCompatibleDC(context: Handle): Handle;
  CreateCompatibleBitmap(context: Handle, width: number, height: number): Handle;
  SelectObject(context: Handle, object: Handle): Handle;
  DeleteObject(object: Handle): number;
  DeleteDC(context: Handle): number;
  BitBlt(
    to: Handle,
    x: number,
    y: number,
    width: number,
    height: number,
    from: Handle,
    fromX: number,
    fromY: number,
    how: number,
  ): number;
  GetDIBits(
    context: Handle,
    bitmap: Handle,
    firstRow: number,
    rows: number,
    pixels: Uint8Array,
    header: Uint8Array,
    usage: number,
  ): number;

  // kernel32
  GetTickCount(): number;
  GetCurrentProcessId(): number;
  ProcessIdToSessionId(pid: number, session: Out<number>): number;
  OpenProcess(access: number, inherit: number, pid: number): Handle;
  CloseHandle(handle: Handle): number;
  QueryFullProcessImageNameW(process: Handle, flags: number, path: Uint16Array, units: Uint32Array): number;
  K32GetProcessMemoryInfo(process: Handle, counters: Uint8Array, bytes: number): number;
  CreateToolhelp32Snapshot(what: number, pid: number): Handle;
  Process32FirstW(snapshot: Handle, entry: Uint8Array): number;
  Process32NextW(snapshot: Handle, entry: Uint8Array): number;
  GlobalAlloc(flags: number, bytes: number): Handle;
  GlobalFree(memory: Handle): Handle;
  GlobalLock(memory: Handle): Address | null;
  GlobalUnlock(memory: Handle): number;
  GlobalSize(memory: Handle): number;

  // wtsapi32 (absent where there are no sessions)
  WTSQuerySessionInformationW(
    server: Handle,
    session: number,
    which: number,
    answer: Out<Address>,
    bytes: Out<number>,
  ): number;
  WTSFreeMemory(memory: Address): void;

  // dwmapi
  DwmGetWindowAttribute(window: Handle, attribute: number, value: Uint8Array, bytes: number): number;
}

type Library = "user32" | "gdi32" | "kernel32" | "wtsapi32" | "dwmapi";

const declarations: Record<Library, readonly string[]> = {
  user32: [
    "int EnumWindows(DroverVisitWindow *, intptr_t)",
    "int IsWindow(intptr_t)",
    "int IsWindowVisible(intptr_t)",
    "int IsWindowEnabled(intptr_t)",
    "int IsIconic(intptr_t)",
    "intptr_t GetAncestor(intptr_t, uint32_t)",
    "intptr_t GetWindow(intptr_t, uint32_t)",
    "intptr_t GetShellWindow()",
    "intptr_t GetDesktopWindow()",
    "intptr_t GetForegroundWindow()",
    "int SetForegroundWindow(intptr_t)",
    "int ShowWindowAsync(intptr_t, int)",
    "int SetWindowPos(intptr_t, intptr_t, int, int, int, int, uint32_t)",
    // A POINT by value: x64 passes eight bytes as one number.
    "intptr_t WindowFromPoint(int64_t)",
    "int InternalGetWindowText(intptr_t, _Out_ uint16_t *, int)",
    "int GetClassNameW(intptr_t, _Out_ uint16_t *, int)",
    "uint32_t GetWindowThreadProcessId(intptr_t, _Out_ uint32_t *)",
    "int32_t GetWindowLongW(intptr_t, int)",
    "int GetClientRect(intptr_t, _Out_ void *)",
    "int ClientToScreen(intptr_t, _Inout_ void *)",
    "int GetWindowRect(intptr_t, _Out_ void *)",
    "uint32_t GetDpiForWindow(intptr_t)",
    "int AdjustWindowRectExForDpi(_Inout_ void *, uint32_t, int, uint32_t, uint32_t)",
    "int PostMessageW(intptr_t, uint32_t, uintptr_t, intptr_t)",
    "intptr_t SendMessageTimeoutW(intptr_t, uint32_t, uintptr_t, intptr_t, uint32_t, uint32_t, _Out_ uintptr_t *)",
    "intptr_t CreateWindowExW(uint32_t, str16, str16, uint32_t, int, int, int, int, intptr_t, intptr_t, intptr_t, void *)",
    "int DestroyWindow(intptr_t)",
    "uint32_t SendInput(uint32_t, const void *, int)",
    "int GetCursorPos(_Out_ void *)",
    "int GetLastInputInfo(_Inout_ void *)",
    "int16_t GetKeyState(int)",
    "intptr_t GetKeyboardLayout(uint32_t)",
    "int16_t VkKeyScanExW(uint16_t, intptr_t)",
    "uint32_t MapVirtualKeyW(uint32_t, uint32_t)",
    "int GetSystemMetrics(int)",
    "uint32_t GetDoubleClickTime()",
    "int OpenClipboard(intptr_t)",
    "int CloseClipboard()",
    "int EmptyClipboard()",
    "intptr_t SetClipboardData(uint32_t, intptr_t)",
    "intptr_t GetClipboardData(uint32_t)",
    "uint32_t RegisterClipboardFormatW(str16)",
    "intptr_t OpenInputDesktop(uint32_t, int, uint32_t)",
    "int CloseDesktop(intptr_t)",
    "intptr_t GetProcessWindowStation()",
    "int GetUserObjectInformationW(intptr_t, int, _Out_ void *, uint32_t, _Out_ uint32_t *)",
    "int SetProcessDpiAwarenessContext(intptr_t)",
    "int SetProcessDPIAware()",
    "uint32_t GetDpiForSystem()",
    "intptr_t GetDC(intptr_t)",
    "int ReleaseDC(intptr_t, intptr_t)",
  ],
  gdi32: [
    "intptr_t CreateCompatibleDC(intptr_t)",
    "intptr_t CreateCompatibleBitmap(intptr_t, int, int)",
    "intptr_t SelectObject(intptr_t, intptr_t)",
    "int DeleteObject(intptr_t)",
    "int DeleteDC(intptr_t)",
    "int BitBlt(intptr_t, int, int, int, int, intptr_t, int, int, uint32_t)",
    "int GetDIBits(intptr_t, intptr_t, uint32_t, uint32_t, _Out_ void *, _Inout_ void *, uint32_t)",
  ],
  kernel32: [
    "uint32_t GetTickCount()",
    "uint32_t GetCurrentProcessId()",
    "int ProcessIdToSessionId(uint32_t, _Out_ uint32_t *)",
    "intptr_t OpenProcess(uint32_t, int, uint32_t)",
    "int CloseHandle(intptr_t)",
    "int QueryFullProcessImageNameW(intptr_t, uint32_t, _Out_ uint16_t *, _Inout_ uint32_t *)",
    "int K32GetProcessMemoryInfo(intptr_t, _Out_ void *, uint32_t)",
    "intptr_t CreateToolhelp32Snapshot(uint32_t, uint32_t)",
    "int Process32FirstW(intptr_t, _Inout_ void *)",
    "int Process32NextW(intptr_t, _Inout_ void *)",
    "intptr_t GlobalAlloc(uint32_t, size_t)",
    "intptr_t GlobalFree(intptr_t)",
    "void *GlobalLock(intptr_t)",
    "int GlobalUnlock(intptr_t)",
    "size_t GlobalSize(intptr_t)",
  ],
  wtsapi32: [
    "int WTSQuerySessionInformationW(intptr_t, uint32_t, int, _Out_ void **, _Out_ uint32_t *)",
    "void WTSFreeMemory(void *)",
  ],
  dwmapi: ["int32_t DwmGetWindowAttribute(intptr_t, uint32_t, _Out_ void *, uint32_t)"],
};

let loaded: Win32 | undefined;

/** Loads the libraries at the first call. */
export function loadWin32(): Win32 {
  if (loaded) return loaded;
  koffi.proto("int DroverVisitWindow(intptr_t, intptr_t)");
  const functions: Record<string, unknown> = {};
  for (const [name, declared] of Object.entries(declarations)) {
    const library = koffi.load(`${name}.dll`);
    for (const declaration of declared) {
      const called = /(\w+)\(/.exec(declaration)?.[1] ?? "";
      functions[called] = library.func(declaration);
    }
  }
  loaded = functions as unknown as Win32;
  return loaded;
}
