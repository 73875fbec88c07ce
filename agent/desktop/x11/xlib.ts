// The C functions of libX11 and libXtst that the X11 desktop calls, declared once.
// Window, Atom, KeySym and Time are `unsigned long`; out parameters are arrays of one element. The structures read by
// offset elsewhere in this folder are those of 64-bit Linux (LP64), the only X11 platform of the agent.

import koffi from "koffi";

/** An address in C's memory. `null` is NULL. */
export type Pointer = bigint;
/** An X resource: a window, an atom, a key symbol. */
export type XId = number;
type Out<T> = (T | null)[];

export interface Xlib {
  XOpenDisplay(name: string | null): Pointer | null;
  XCloseDisplay(display: Pointer): number;
  XSetErrorHandler(handler: Pointer | null): Pointer | null;
  XSetIOErrorHandler(handler: Pointer | null): Pointer | null;
  XSetIOErrorExitHandler(display: Pointer, handler: Pointer | null, data: Pointer | null): void;
  XDefaultRootWindow(display: Pointer): XId;
  XSync(display: Pointer, discard: number): number;
  XFlush(display: Pointer): number;
  XPending(display: Pointer): number;
  XNextEvent(display: Pointer, event: Uint8Array): number;
  XGetEventData(display: Pointer, cookie: Uint8Array): number;
  XFreeEventData(display: Pointer, cookie: Uint8Array): void;
  XSendEvent(display: Pointer, window: XId, propagate: number, mask: number, event: Uint8Array): number;
  XGrabServer(display: Pointer): number;
  XUngrabServer(display: Pointer): number;
  XInternAtom(display: Pointer, name: string, onlyIfExists: number): XId;
  XFree(memory: Pointer): number;
  XQueryExtension(display: Pointer, name: string, opcode: Out<number>, event: Out<number>, error: Out<number>): number;
  XGetScreenSaver(
    display: Pointer,
    timeout: Out<number>,
    interval: Out<number>,
    blanking: Out<number>,
    exposures: Out<number>,
  ): number;

  XGetWindowProperty(
    display: Pointer,
    window: XId,
    property: XId,
    offset: number,
    length: number,
    remove: number,
    wanted: XId,
    type: Out<XId>,
    format: Out<number>,
    items: Out<number>,
    after: Out<number>,
    data: Out<Pointer>,
  ): number;
  XChangeProperty(
    display: Pointer,
    window: XId,
    property: XId,
    type: XId,
    format: number,
    mode: number,
    data: Uint8Array,
    elements: number,
  ): number;
  XDeleteProperty(display: Pointer, window: XId, property: XId): number;
  XTranslateCoordinates(
    display: Pointer,
    from: XId,
    to: XId,
    x: number,
    y: number,
    toX: Out<number>,
    toY: Out<number>,
    child: Out<XId>,
  ): number;
  XQueryTree(
    display: Pointer,
    window: XId,
    root: Out<XId>,
    parent: Out<XId>,
    children: Out<Pointer>,
    count: Out<number>,
  ): number;
  XGetWindowAttributes(display: Pointer, window: XId, attributes: Uint8Array): number;
  XGetInputFocus(display: Pointer, focus: Out<XId>, revertTo: Out<number>): number;
  XGrabKeyboard(
    display: Pointer,
    window: XId,
    ownerEvents: number,
    pointerMode: number,
    keyboardMode: number,
    time: number,
  ): number;
  XUngrabKeyboard(display: Pointer, time: number): number;

  XCreateSimpleWindow(
    display: Pointer,
    parent: XId,
    x: number,
    y: number,
    width: number,
    height: number,
    border: number,
    borderColour: number,
    background: number,
  ): XId;
  XDestroyWindow(display: Pointer, window: XId): number;
  XSelectInput(display: Pointer, window: XId, mask: number): number;
  XSetSelectionOwner(display: Pointer, selection: XId, owner: XId, time: number): number;
  XGetSelectionOwner(display: Pointer, selection: XId): XId;
  XConvertSelection(display: Pointer, selection: XId, target: XId, property: XId, requestor: XId, time: number): number;

  XGetImage(
    display: Pointer,
    drawable: XId,
    x: number,
    y: number,
    width: number,
    height: number,
    planes: number,
    format: number,
  ): Pointer | null;
  XDestroyImage(image: Pointer): number;

  XDisplayKeycodes(display: Pointer, first: Out<number>, last: Out<number>): number;
  XGetKeyboardMapping(display: Pointer, first: number, count: number, perKeycode: Out<number>): Pointer | null;
  XChangeKeyboardMapping(
    display: Pointer,
    first: number,
    perKeycode: number,
    keysyms: BigUint64Array,
    count: number,
  ): number;
  XkbLockModifiers(display: Pointer, device: number, affect: number, values: number): number;
  XkbLockGroup(display: Pointer, device: number, group: number): number;

  XTestFakeKeyEvent(display: Pointer, keycode: number, press: number, delayMs: number): number;
  XTestFakeButtonEvent(display: Pointer, button: number, press: number, delayMs: number): number;
  XTestFakeMotionEvent(display: Pointer, screen: number, x: number, y: number, delayMs: number): number;

  /** libc's, to copy out of memory that X owns. */
  memcpy(to: Uint8Array, from: Pointer, bytes: number): Pointer;
}

const declarations: Record<keyof Xlib, string> = {
  XOpenDisplay: "void *XOpenDisplay(const char *)",
  XCloseDisplay: "int XCloseDisplay(void *)",
  XSetErrorHandler: "void *XSetErrorHandler(void *)",
  XSetIOErrorHandler: "void *XSetIOErrorHandler(void *)",
  XSetIOErrorExitHandler: "void XSetIOErrorExitHandler(void *, void *, void *)",
  XDefaultRootWindow: "unsigned long XDefaultRootWindow(void *)",
  XSync: "int XSync(void *, int)",
  XFlush: "int XFlush(void *)",
  XPending: "int XPending(void *)",
  XNextEvent: "int XNextEvent(void *, void *)",
  XGetEventData: "int XGetEventData(void *, void *)",
  XFreeEventData: "void XFreeEventData(void *, void *)",
  XSendEvent: "int XSendEvent(void *, unsigned long, int, long, void *)",
  XGrabServer: "int XGrabServer(void *)",
  XUngrabServer: "int XUngrabServer(void *)",
  XInternAtom: "unsigned long XInternAtom(void *, const char *, int)",
  XFree: "int XFree(void *)",
  XQueryExtension: "int XQueryExtension(void *, const char *, _Out_ int *, _Out_ int *, _Out_ int *)",
  XGetScreenSaver: "int XGetScreenSaver(void *, _Out_ int *, _Out_ int *, _Out_ int *, _Out_ int *)",
  XGetWindowProperty:
    "int XGetWindowProperty(void *, unsigned long, unsigned long, long, long, int, unsigned long, _Out_ unsigned long *, _Out_ int *, _Out_ unsigned long *, _Out_ unsigned long *, _Out_ void **)",
  XChangeProperty:
    "int XChangeProperty(void *, unsigned long, unsigned long, unsigned long, int, int, const void *, int)",
  XDeleteProperty: "int XDeleteProperty(void *, unsigned long, unsigned long)",
  XTranslateCoordinates:
    "int XTranslateCoordinates(void *, unsigned long, unsigned long, int, int, _Out_ int *, _Out_ int *, _Out_ unsigned long *)",
  XQueryTree:
    "int XQueryTree(void *, unsigned long, _Out_ unsigned long *, _Out_ unsigned long *, _Out_ void **, _Out_ unsigned int *)",
  XGetWindowAttributes: "int XGetWindowAttributes(void *, unsigned long, void *)",
  XGetInputFocus: "int XGetInputFocus(void *, _Out_ unsigned long *, _Out_ int *)",
  XGrabKeyboard: "int XGrabKeyboard(void *, unsigned long, int, int, int, unsigned long)",
  XUngrabKeyboard: "int XUngrabKeyboard(void *, unsigned long)",
  XCreateSimpleWindow:
    "unsigned long XCreateSimpleWindow(void *, unsigned long, int, int, unsigned int, unsigned int, unsigned int, unsigned long, unsigned long)",
  XDestroyWindow: "int XDestroyWindow(void *, unsigned long)",
  XSelectInput: "int XSelectInput(void *, unsigned long, long)",
  XSetSelectionOwner: "int XSetSelectionOwner(void *, unsigned long, unsigned long, unsigned long)",
  XGetSelectionOwner: "unsigned long XGetSelectionOwner(void *, unsigned long)",
  XConvertSelection:
    "int XConvertSelection(void *, unsigned long, unsigned long, unsigned long, unsigned long, unsigned long)",
  XGetImage: "void *XGetImage(void *, unsigned long, int, int, unsigned int, unsigned int, unsigned long, int)",
  XDestroyImage: "int XDestroyImage(void *)",
  XDisplayKeycodes: "int XDisplayKeycodes(void *, _Out_ int *, _Out_ int *)",
  XGetKeyboardMapping: "void *XGetKeyboardMapping(void *, unsigned char, int, _Out_ int *)",
  XChangeKeyboardMapping: "int XChangeKeyboardMapping(void *, int, int, const void *, int)",
  XkbLockModifiers: "int XkbLockModifiers(void *, unsigned int, unsigned int, unsigned int)",
  XkbLockGroup: "int XkbLockGroup(void *, unsigned int, unsigned int)",
  XTestFakeKeyEvent: "int XTestFakeKeyEvent(void *, unsigned int, int, unsigned long)",
  XTestFakeButtonEvent: "int XTestFakeButtonEvent(void *, unsigned int, int, unsigned long)",
  XTestFakeMotionEvent: "int XTestFakeMotionEvent(void *, int, int, int, unsigned long)",
  memcpy: "void *memcpy(void *, const void *, size_t)",
};

let loaded: Xlib | undefined;

/** Loads the libraries at the first call: a machine that never opens an X11 desktop need not have them. */
export function loadXlib(): Xlib {
  if (loaded) return loaded;
  const libraries = {
    X: koffi.load("libX11.so.6"),
    XTest: koffi.load("libXtst.so.6"),
    c: koffi.load("libc.so.6"),
  };
  const functions: Record<string, unknown> = {};
  for (const [name, declaration] of Object.entries(declarations)) {
    const library = name.startsWith("XTest") ? libraries.XTest : name.startsWith("X") ? libraries.X : libraries.c;
    functions[name] = library.func(declaration);
  }
  loaded = functions as unknown as Xlib;
  return loaded;
}
