// The workflow that system tests interrupt: a note typed into mousepad and saved through its dialog.

import { resolve } from "node:path";

/** Mousepad as the system tests use it: nothing but itself. */
export const mousepad = `
application: mousepad
launch: { command: [mousepad, --disable-server] }
ready:
  - window: { title: "*Mousepad", process: mousepad }
`;

/** The commit's own check, for a run that stays inside its commit until something ends it. */
export const neverDone = '{ window: "no such window", for: 25s }';

/** Types, lingers in the step `linger`, and commits in the step `save`. */
export const noteWorkflow = (
  name: string,
  { linger = "1ms", done = "{ window: Save As, absent: true }" }: { linger?: string; done?: string } = {},
) => `
workflow: ${name}
application: mousepad
inputs: { type: object, required: [path, text], properties: { path: { type: string }, text: { type: string } } }
timeout: 5m
steps:
  - focus: { title: "*Mousepad", process: mousepad }
  # A document of its own, also on a machine that has done others.
  - press: ctrl+n
  - wait: { active: "Untitled* - Mousepad", for: 10s }
  - { type: "\${inputs.text}", in: "*Untitled* - Mousepad", timeout: 90s }
  - { id: linger, pause: ${linger} }
  - { press: ctrl+s, in: "*Untitled* - Mousepad" }
  - wait: { window: Save As, for: 10s }
  - { press: ctrl+a, in: Save As }
  - { type: "\${inputs.path}", in: Save As }
  # GTK takes no Return until it has looked at the path.
  - pause: 1s
  - { id: save, press: enter, in: Save As, effect: commit, guard: { window: Save As }, done: ${done}, timeout: 30s }
result: {}
`;

/** Leaves no editor behind, whatever was open in it. */
export const cleanup = `
cleanup:
  - { press: escape, in: { process: mousepad }, timeout: 1s, done: { window: Save As, absent: true, for: 4s } }
  - { id: left, read: { window: { title: "*Mousepad", process: mousepad } } }
  - { close: { title: "*Mousepad", process: mousepad } }
  - { when: "\${steps.left.text.startsWith('*')}", wait: { active: Save Changes, for: 5s } }
  - { when: "\${steps.left.text.startsWith('*')}", press: alt+d, in: Save Changes }
  - wait: { not: { process: mousepad }, for: 10s }
`;

/** By `noteIs`, which compares the file with the text. */
export const verify = `
verify: { on: same-machine, steps: [ { exec: [note-is, "\${inputs.path}", "\${inputs.text}"] } ] }
`;

/** What the machines of runs with `verify` allow. */
export const noteIs = { "note-is": resolve(import.meta.dirname, "../../examples/note-is.sh") } as const;
