// A machine with an editor and a calculator side by side, for tests of single actions: each test hands in steps as a
// caller does, and looks at what became of the windows from outside of the agent.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Box, Desktop } from "../../agent/desktop/desktop.ts";
import { openX11Desktop } from "../../agent/desktop/x11.ts";
import { encodePng } from "../../agent/vision/png.ts";
import {
  CommitLabel,
  type CommitLabelName,
  nameOf,
  type Outputs,
  type RunEvent,
  type RunHandle,
} from "../../sdk/index.ts";
import { Onlooker, type ShownWindow } from "./onlooker.ts";
import { type Product, startProduct, until } from "./product.ts";

/** How a run of a few steps ended. */
export interface Done {
  readonly id: string;
  readonly outcome: string | undefined;
  readonly category: string | undefined;
  readonly label: CommitLabelName | undefined;
  readonly outputs: Outputs;
  readonly events: readonly RunEvent[];
}

export interface StepsOptions {
  readonly application?: "mousepad" | "galculator";
  readonly files?: Record<string, Uint8Array>;
  /** Of the workflow: `steps.x.text` and so on. */
  readonly result?: string;
  /** Told of each event as it comes. */
  readonly onEvent?: (event: RunEvent, runId: string) => void | Promise<void>;
}

export class Desk {
  readonly product: Product;
  readonly onlooker: Onlooker;
  /** Another client of the same X server: for the clipboard and for pictures. */
  readonly screen: Desktop;
  readonly file: string;
  #editor: ShownWindow | undefined;
  #workflows = 0;

  constructor(product: Product, onlooker: Onlooker, screen: Desktop) {
    this.product = product;
    this.onlooker = onlooker;
    this.screen = screen;
    this.file = join(product.dir, "desk.txt");
  }

  /** The editor anew, in front, on a file with this text. */
  async editing(text: string): Promise<ShownWindow> {
    for (const window of await this.onlooker.windows()) {
      if (window.title.endsWith("Mousepad")) await this.onlooker.kill(window);
    }
    writeFileSync(this.file, text === "" ? "" : `${text}\n`);
    await this.onlooker.ask("xdotool", "mousemove", "1", "1");
    this.#editor = await this.onlooker.show("mousepad", "--disable-server", this.file);
    await this.onlooker.place(this.#editor, { x: 20, y: 20, width: 700, height: 400 });
    // The caret goes to the empty line at the end: beside a letter it is read as a part of it.
    await this.onlooker.press(this.#editor, "ctrl+End");
    return this.#editor;
  }

  /** The file's bytes after the editor has saved them, told to by the onlooker. */
  async saved(): Promise<string> {
    const editor = this.#editor ?? assert.fail("there is no editor");
    await this.onlooker.press(editor, "ctrl+s");
    return await this.unchanged();
  }

  /** The file's bytes once the editor shows no unsaved changes. */
  async unchanged(): Promise<string> {
    const title = async () => (await this.onlooker.windows()).find(({ id }) => id === this.#editor?.id)?.title ?? "*";
    await until("the editor has saved", async () => !(await title()).startsWith("*"), 5_000);
    return readFileSync(this.file, "utf8").replace(/\n+$/, "");
  }

  /** A calculator anew, in front, showing 0. */
  async calculating(): Promise<ShownWindow> {
    for (const window of await this.onlooker.windows()) {
      if (window.title === "galculator") await this.onlooker.kill(window);
    }
    // A key under the pointer has another colour.
    await this.onlooker.ask("xdotool", "mousemove", "1", "1");
    const window = await this.onlooker.show("galculator");
    await this.onlooker.place(window, { x: 800, y: 300, width: -1, height: -1 });
    return window;
  }

  /** What the calculator shows, by its own copying. */
  async display(window: ShownWindow): Promise<string> {
    await this.screen.writeClipboard("");
    await this.onlooker.press(window, "ctrl+c");
    return until("the calculator copies its display", () => this.screen.readClipboard(), 5_000);
  }

  /** A picture of a part of a window, as a file for a workflow. */
  async picture(title: string, part: Box): Promise<Uint8Array> {
    const window = (await this.screen.windows()).find((each) => each.title === title);
    const { x, y } = window?.box ?? assert.fail(`no window ${title}`);
    const frame = await this.screen.capture();
    const rgba = new Uint8Array(part.width * part.height * 4);
    for (let row = 0; row < part.height; row++) {
      const from = ((y + part.y + row) * frame.width + x + part.x) * 4;
      rgba.set(frame.rgba.subarray(from, from + part.width * 4), row * part.width * 4);
    }
    return encodePng({ width: part.width, height: part.height, rgba });
  }

  /** Starts a run of these steps (a YAML list). */
  async begins(steps: string, options: StepsOptions = {}): Promise<RunHandle> {
    const client = this.product.client();
    const name = `desk-${++this.#workflows}`;
    const { application = "mousepad", files = {}, result = "{}" } = options;
    const promise = /effect: commit/.test(steps) ? "" : "readonly: true\n";
    const head = `workflow: ${name}\napplication: ${application}\n${promise}timeout: 2m\n`;
    const retry = "retry: { attempts: 1, on: [MACHINE_LOST] }\n";
    await client.putWorkflow(`${head}${retry}result: ${result}\nsteps:\n${steps}\n`, files);
    return client.start(name);
  }

  /** Does these steps as a run, whatever comes of it. */
  async does(steps: string, options: StepsOptions = {}): Promise<Done> {
    const run = await this.begins(steps, options);
    const events: RunEvent[] = [];
    for await (const event of run) {
      events.push(event);
      await options.onEvent?.(event, run.id);
    }
    const end = events.at(-1);
    assert.ok(end?.kind === "ENDED");
    const { attempts } = await run.refresh();
    const { outcome, failure, outputs = {} } = end;
    const label = nameOf(CommitLabel, attempts[0]?.commitLabel ?? CommitLabel.UNSPECIFIED);
    return { id: run.id, outcome, category: failure?.category, label, outputs, events };
  }

  /** The same for steps that must succeed. */
  async succeeds(steps: string, options: StepsOptions = {}): Promise<Done> {
    const done = await this.does(steps, options);
    assert.equal(
      done.outcome,
      "SUCCEEDED",
      JSON.stringify(done.events.at(-1), (key, value) => (key === "wire" ? undefined : value)),
    );
    return done;
  }

  /** The same for a commit step that must fail before any input. */
  async refused(category: string, step: string, options: StepsOptions = {}): Promise<void> {
    const done = await this.does(`- { ${step}, effect: commit, guard: none }`, options);
    // A failed commit step leaves BEFORE_COMMIT only when it reported input NONE (G4).
    assert.deepEqual([done.outcome, done.category, done.label], ["FAILED", category, "BEFORE_COMMIT"]);
  }

  async stop(): Promise<void> {
    await this.screen.stop();
    await this.onlooker.stop();
    await this.product.stop();
  }
}

export async function openDesk(allowExec: Readonly<Record<string, string>>): Promise<Desk> {
  const applications = ["mousepad", "galculator"];
  const product = await startProduct({ machines: 1, applications, allowExec });
  const { session } = product.machine("vm-1");
  await product.put(
    ...applications.map((name) => `application: ${name}\nprocesses: [${name}]\nready: [{ process: ${name} }]\n`),
  );
  return new Desk(product, new Onlooker(session), await openX11Desktop({ display: session.display, env: session.env }));
}
