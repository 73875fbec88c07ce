// The Windows functions that the host calls, declared once (64-bit Windows 10 and later). Structures are buffers laid out
// where they are used. What a function says of its failure is in no error of the agent: callers say what they could not do.

import koffi from "koffi";

/** A kernel object as this process knows it. */
export type Handle = number;
type Out<T> = (T | null)[];

export const NO_HANDLE: Handle = 0;
/** What CreateFileW returns when it fails. */
export const INVALID_HANDLE: Handle = -1;

export interface SystemCalls {
  GetTickCount64(): number;
  QueryUnbiasedInterruptTime(hundredNs: Out<number>): number;
  CloseHandle(handle: Handle): number;
  CreateFileW(
    path: string,
    access: number,
    share: number,
    security: Uint8Array | null,
    disposition: number,
    flags: number,
    template: Handle,
  ): Handle;
  CreateMutexW(security: Uint8Array | null, owned: number, name: string): Handle;
  ReleaseMutex(mutex: Handle): number;
  WaitForSingleObject(handle: Handle, waitMs: number): number;
  LocalFree(memory: bigint): bigint;
  FreeConsole(): number;

  CreateProcessW(
    program: string,
    commandLine: Uint8Array,
    processSecurity: Uint8Array | null,
    threadSecurity: Uint8Array | null,
    inherit: number,
    flags: number,
    environment: Uint8Array,
    directory: string | null,
    startup: Uint8Array,
    started: Uint8Array,
  ): number;
  InitializeProcThreadAttributeList(
    list: Uint8Array | null,
    count: number,
    flags: number,
    bytes: BigUint64Array,
  ): number;
  UpdateProcThreadAttribute(
    list: Uint8Array,
    flags: number,
    attribute: number,
    value: Uint8Array,
    bytes: number,
    previous: Uint8Array | null,
    returned: Uint8Array | null,
  ): number;
  DeleteProcThreadAttributeList(list: Uint8Array): void;
  GetExitCodeProcess(process: Handle, code: Out<number>): number;
  CreateJobObjectW(security: Uint8Array | null, name: string | null): Handle;
  SetInformationJobObject(job: Handle, kind: number, limits: Uint8Array, bytes: number): number;
  TerminateJobObject(job: Handle, exitCode: number): number;

  RegCreateKeyExW(
    root: bigint,
    path: string,
    reserved: number,
    keyClass: string | null,
    options: number,
    access: number,
    security: Uint8Array | null,
    key: Out<Handle>,
    disposition: Out<number>,
  ): number;
  RegGetValueW(
    key: Handle,
    path: string | null,
    name: string,
    flags: number,
    type: Uint8Array | null,
    data: Uint8Array,
    bytes: Uint32Array,
  ): number;
  RegSetValueExW(key: Handle, name: string, reserved: number, type: number, data: Uint8Array, bytes: number): number;
  RegCloseKey(key: Handle): number;

  CryptProtectData(
    data: Uint8Array,
    description: string | null,
    entropy: Uint8Array | null,
    reserved: Uint8Array | null,
    prompt: Uint8Array | null,
    flags: number,
    result: Uint8Array,
  ): number;
  CryptUnprotectData(
    data: Uint8Array,
    description: Uint8Array | null,
    entropy: Uint8Array | null,
    reserved: Uint8Array | null,
    prompt: Uint8Array | null,
    flags: number,
    result: Uint8Array,
  ): number;
}

const declarations: Record<keyof SystemCalls, string> = {
  GetTickCount64: "uint64_t GetTickCount64()",
  QueryUnbiasedInterruptTime: "int QueryUnbiasedInterruptTime(_Out_ uint64_t *)",
  CloseHandle: "int CloseHandle(intptr_t)",
  CreateFileW: "intptr_t CreateFileW(str16, uint32_t, uint32_t, void *, uint32_t, uint32_t, intptr_t)",
  CreateMutexW: "intptr_t CreateMutexW(void *, int, str16)",
  ReleaseMutex: "int ReleaseMutex(intptr_t)",
  WaitForSingleObject: "uint32_t WaitForSingleObject(intptr_t, uint32_t)",
  LocalFree: "void *LocalFree(void *)",
  FreeConsole: "int FreeConsole()",
  CreateProcessW: "int CreateProcessW(str16, void *, void *, void *, int, uint32_t, void *, str16, void *, void *)",
  InitializeProcThreadAttributeList: "int InitializeProcThreadAttributeList(void *, uint32_t, uint32_t, void *)",
  UpdateProcThreadAttribute: "int UpdateProcThreadAttribute(void *, uint32_t, size_t, void *, size_t, void *, void *)",
  DeleteProcThreadAttributeList: "void DeleteProcThreadAttributeList(void *)",
  GetExitCodeProcess: "int GetExitCodeProcess(intptr_t, _Out_ uint32_t *)",
  CreateJobObjectW: "intptr_t CreateJobObjectW(void *, str16)",
  SetInformationJobObject: "int SetInformationJobObject(intptr_t, int, void *, uint32_t)",
  TerminateJobObject: "int TerminateJobObject(intptr_t, uint32_t)",
  RegCreateKeyExW:
    "int32_t RegCreateKeyExW(uintptr_t, str16, uint32_t, str16, uint32_t, uint32_t, void *, _Out_ intptr_t *, _Out_ uint32_t *)",
  RegGetValueW: "int32_t RegGetValueW(intptr_t, str16, str16, uint32_t, void *, void *, void *)",
  RegSetValueExW: "int32_t RegSetValueExW(intptr_t, str16, uint32_t, uint32_t, void *, uint32_t)",
  RegCloseKey: "int32_t RegCloseKey(intptr_t)",
  CryptProtectData: "int CryptProtectData(void *, str16, void *, void *, void *, uint32_t, void *)",
  CryptUnprotectData: "int CryptUnprotectData(void *, void *, void *, void *, void *, uint32_t, void *)",
};

let loaded: SystemCalls | undefined;

/** Loads the libraries at the first call, so that the other systems can have this file in them. */
export function systemCalls(): SystemCalls {
  if (loaded) return loaded;
  const libraries = {
    Reg: koffi.load("advapi32.dll"),
    Crypt: koffi.load("crypt32.dll"),
    kernel: koffi.load("kernel32.dll"),
  };
  const functions: Record<string, unknown> = {};
  for (const [name, declaration] of Object.entries(declarations)) {
    const library = name.startsWith("Reg")
      ? libraries.Reg
      : name.startsWith("Crypt")
        ? libraries.Crypt
        : libraries.kernel;
    functions[name] = library.func(declaration);
  }
  loaded = functions as unknown as SystemCalls;
  return loaded;
}
