// A job object: a set of processes that Windows ends together. What a process of the job starts is in the job too. The only
// handle is the agent's and is not inherited, so that the job is closed, and all of it ended, when the agent dies, however.

import { type Handle, NO_HANDLE, systemCalls } from "./system-calls.ts";

const JobObjectExtendedLimitInformation = 9;
const EXTENDED_LIMITS_BYTES = 144;
const LIMIT_FLAGS_AT = 16;
const JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE = 0x2000;
const EXIT_CODE = 1;

export function makeJob(): Handle {
  const { CreateJobObjectW, SetInformationJobObject, CloseHandle } = systemCalls();
  const job = CreateJobObjectW(null, null);
  if (job === NO_HANDLE) throw new Error("there is no job object");
  const limits = Buffer.alloc(EXTENDED_LIMITS_BYTES);
  limits.writeUInt32LE(JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE, LIMIT_FLAGS_AT);
  if (SetInformationJobObject(job, JobObjectExtendedLimitInformation, limits, limits.length) !== 0) return job;
  CloseHandle(job);
  throw new Error("the job object takes no limits");
}

/** Ends every process of the job, and the job. */
export function endJob(job: Handle): void {
  const { TerminateJobObject, CloseHandle } = systemCalls();
  TerminateJobObject(job, EXIT_CODE);
  CloseHandle(job);
}
