// Starts a program within a job. It is in the job from its first moment, and of the agent's handles it inherits only the
// one that it writes its output to, and the one that goes nowhere.

import { type NativeBytes, NativeMemory } from "./native-memory.ts";
import { type Handle, INVALID_HANDLE, systemCalls } from "./system-calls.ts";

export interface ProgramStart {
  readonly path: string;
  readonly commandLine: string;
  readonly environment: string;
  /** The name of the pipe that takes what the program writes to stdout. */
  readonly outputPipe: string;
  readonly job: Handle;
}

export interface Process {
  readonly pid: number;
  /** As long as it is open, the pid is no other process's. */
  readonly handle: Handle;
}

const GENERIC_READ = 0x80000000;
const GENERIC_WRITE = 0x40000000;
const FILE_SHARE_READ_WRITE = 3;
const OPEN_EXISTING = 3;
const CREATE_UNICODE_ENVIRONMENT = 0x400;
const EXTENDED_STARTUPINFO_PRESENT = 0x80000;
const CREATE_NO_WINDOW = 0x8000000;
const STARTF_USESTDHANDLES = 0x100;
const PROC_THREAD_ATTRIBUTE_HANDLE_LIST = 0x20002;
const PROC_THREAD_ATTRIBUTE_JOB_LIST = 0x2000d;
/** STARTUPINFOEXW: where its fields are. */
const STARTUP = { bytes: 112, flags: 60, stdin: 80, stdout: 88, stderr: 96, attributes: 104 };

/** Throws when the program cannot be started; then nothing of it is left. */
export function createProcess({ path, commandLine, environment, outputPipe, job }: ProgramStart): Process {
  const { CreateProcessW, DeleteProcThreadAttributeList, CloseHandle } = systemCalls();
  const memory = new NativeMemory();
  const opened: Handle[] = [];
  let attributes: NativeBytes | undefined;
  try {
    const nothing = openForChild("NUL", GENERIC_READ + GENERIC_WRITE, opened);
    const output = openForChild(outputPipe, GENERIC_WRITE, opened);
    attributes = attributeList(memory, {
      [PROC_THREAD_ATTRIBUTE_JOB_LIST]: [job],
      [PROC_THREAD_ATTRIBUTE_HANDLE_LIST]: [nothing, output],
    });
    const startup = Buffer.alloc(STARTUP.bytes);
    startup.writeUInt32LE(STARTUP.bytes, 0);
    startup.writeUInt32LE(STARTF_USESTDHANDLES, STARTUP.flags);
    startup.writeBigInt64LE(BigInt(nothing), STARTUP.stdin);
    startup.writeBigInt64LE(BigInt(output), STARTUP.stdout);
    startup.writeBigInt64LE(BigInt(nothing), STARTUP.stderr);
    startup.writeBigUInt64LE(attributes.address, STARTUP.attributes);
    const line = Buffer.from(`${commandLine}\0`, "utf16le");
    const block = Buffer.from(environment, "utf16le");
    const flags = CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT | CREATE_NO_WINDOW;
    const started = Buffer.alloc(24);
    if (CreateProcessW(path, line, null, null, 1, flags, block, null, startup, started) === 0) {
      throw new Error("the program cannot be started");
    }
    CloseHandle(Number(started.readBigInt64LE(8)));
    return { handle: Number(started.readBigInt64LE(0)), pid: started.readUInt32LE(16) };
  } finally {
    if (attributes !== undefined) DeleteProcThreadAttributeList(attributes.bytes);
    memory.free();
    for (const handle of opened) CloseHandle(handle);
  }
}

/** A handle that a child may inherit. It is noted in `opened`, to be closed as soon as the child has its own. */
function openForChild(name: string, access: number, opened: Handle[]): Handle {
  const inheritable = Buffer.alloc(24);
  inheritable.writeUInt32LE(inheritable.length, 0);
  inheritable.writeUInt32LE(1, 16);
  const { CreateFileW } = systemCalls();
  const handle = CreateFileW(name, access, FILE_SHARE_READ_WRITE, inheritable, OPEN_EXISTING, 0, 0);
  if (handle === INVALID_HANDLE) throw new Error("a program's output has nowhere to go");
  opened.push(handle);
  return handle;
}

/** A list of attributes whose values are handles. It holds their addresses. */
function attributeList(memory: NativeMemory, values: Readonly<Record<number, readonly Handle[]>>): NativeBytes {
  const { InitializeProcThreadAttributeList, UpdateProcThreadAttribute } = systemCalls();
  const attributes = Object.entries(values);
  const size = new BigUint64Array(1);
  // Fails, and says how much memory it wants.
  InitializeProcThreadAttributeList(null, attributes.length, 0, size);
  const list = memory.take(Number(size[0]));
  if (InitializeProcThreadAttributeList(list.bytes, attributes.length, 0, size) === 0) throw new Error("no attributes");
  for (const [attribute, handles] of attributes) {
    const value = memory.copy(new Uint8Array(BigInt64Array.from(handles, BigInt).buffer));
    const length = value.bytes.length;
    if (UpdateProcThreadAttribute(list.bytes, 0, Number(attribute), value.bytes, length, null, null) === 0) {
      throw new Error("a program cannot be told what it inherits");
    }
  }
  return list;
}
