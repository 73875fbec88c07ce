// One picture of the whole screen by screenshot-desktop: the only place that calls the library.
//
// 1. Whatever goes wrong in the library rejects the shot, and nothing else. On X11 it leaves a promise behind that nobody
//    hears of when `xrandr` fails or tells of no screen, which ends a process; that rejection is known by the shot in whose
//    course it was made, also when the shot was given up long ago.
// 2. It may never come to an end (one of its programs hangs): the caller has the patience.

import { AsyncLocalStorage } from "node:async_hooks";

const shots = new AsyncLocalStorage<{ readonly reject: (reason: unknown) => void }>();
let listening = false;

export async function libraryShot(): Promise<Uint8Array> {
  const { default: screenshot } = await import("screenshot-desktop");
  if (!listening) process.on("unhandledRejection", unheard);
  listening = true;
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  shots.run({ reject }, () => screenshot({ format: "png" })).then(resolve, reject);
  return promise;
}

function unheard(reason: unknown): void {
  const shot = shots.getStore();
  // Everybody else's is what it would be without this listener: the end of the process.
  if (shot === undefined) throw reason;
  shot.reject(reason);
}
