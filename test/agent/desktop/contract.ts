// What every desktop keeps, whatever its platform. The suite is given a desktop with an editor and a prompt on it:
// any editor that shows a text file, says the file's name in its title and saves it with ctrl+s. What differs between the
// editors of the platforms, and no desktop is to blame for, is in the rig: how their files are written, and how it is known
// that they saved.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Desktop, type DesktopWindow, ReceiverChanged, UnknownKey } from "../../../agent/desktop/desktop.ts";
import { decodePng } from "../../../agent/vision/png.ts";
import { gate, Refused } from "./gates.ts";
import { until } from "./until.ts";
import { untilStill } from "./until-still.ts";

/** A window with an entry field that comes up unasked, as a message of another program would. */
export interface Prompt {
  readonly title: string;
  /** Ends it; what had been entered. */
  entered(): Promise<string>;
}

export interface Editor {
  readonly process: string;
  command(file: string): readonly string[];
  /** The content of a file that it shows as `text`. */
  fileOf(text: string): string;
  /** Saves what its window titled `title` shows, and gives the file's text. It may end with one line feed more. */
  save(file: string, title: string): Promise<string>;
  /** What a double click on a word selects besides it. */
  readonly selectsWithWord: "" | " ";
}

export interface DesktopUnderTest {
  readonly desktop: Desktop;
  readonly dir: string;
  readonly editor: Editor;
  /** A point in the editor's text, on any but its first line, at least 60 pixels from the left. */
  textPoint(window: DesktopWindow): { x: number; y: number };
  raisePrompt(): Promise<Prompt>;
  /**
   * Whether the question who receives an input call, the call, and its arrival are one to all other programs (X11's grab). If
   * not, the desktop has to notice when they were not, and what waits in a program is lost with its focus (Windows).
   */
  readonly nothingGetsBetween: boolean;
  /** Makes a process stand still, and go on. */
  suspend(pid: number): void;
  resume(pid: number): void;
  endProcess(pid: number): void;
  /** Moves the pointer a little, as another program or a person would. */
  movePointerAsAnother(): void;
  stop(): Promise<void>;
}

const word = "w".repeat(30);
const page = `${word} tail\n`.repeat(60);

export function desktopContract(name: string, open: () => Promise<DesktopUnderTest>): void {
  describe(`${name} keeps the contract of a desktop:`, () => {
    let rig: DesktopUnderTest;
    let desktop: Desktop;
    let files = 0;
    before(async () => {
      rig = await open();
      desktop = rig.desktop;
    });
    after(() => rig.stop());

    /** Runs `work` with an editor on a fresh file, focused; ends the editor. */
    async function withEditor(content: string, work: (shown: ShownEditor) => Promise<void>): Promise<void> {
      const file = join(rig.dir, `note-${++files}.txt`);
      writeFileSync(file, rig.editor.fileOf(content));
      const pid = await desktop.launch(rig.editor.command(file), { cwd: rig.dir });
      try {
        const title = `note-${files}.txt`;
        const shown = await until("the editor is shown", () => windowTitled(desktop, title));
        assert.ok(await desktop.focus(shown, 5_000), "the editor takes the focus");
        await untilStill(desktop, shown);
        // Again: the window manager may have moved it since it was first listed.
        const window = await until("the editor is listed", () => windowTitled(desktop, title));
        await work({ window, file, pid, point: rig.textPoint(window), saved: () => save(file, title) });
      } finally {
        rig.endProcess(pid);
        await until("the editor is gone", async () => !(await windowTitled(desktop, `note-${files}.txt`)));
      }
    }

    /** Saves, and gives the file's text without the line feed that an editor adds at the end. */
    const save = async (file: string, title: string) => (await rig.editor.save(file, title)).replace(/\n$/, "");

    test("text of any script arrives exactly, byte by byte", () =>
      withEditor("", async ({ saved }) => {
        const text = 'Zoë Ñandú 漢字 {}[]@€ 😀\nline two\ttab ~^`|\\ "quoted" ¿qué?';
        await desktop.type(text, gate());
        assert.equal(await saved(), text);
      }));

    test("text with more strange characters than the keyboard has room for arrives exactly", () =>
      withEditor("", async ({ saved }) => {
        const text = Array.from({ length: 45 }, (_, at) => String.fromCodePoint(0x4e00 + at * 7) + (at % 9)).join("");
        await desktop.type(text + text, gate());
        assert.equal(await saved(), text + text);
      }));

    test("text that no key can mean is refused before its first character", () =>
      withEditor("", async () => {
        const counting = gate();
        for (const text of ["ab\u0007", "ab\ud800", "ab\r\n"]) await assert.rejects(desktop.type(text, counting));
        assert.equal(counting.injectedCalls(), 0);
      }));

    test("each character, chord and pointer event asks the gate once, with the window that receives it", () =>
      withEditor("", async ({ window, point }) => {
        const asked = gate();
        await desktop.type("aé\n", asked);
        await desktop.press("ctrl+a", asked);
        await desktop.move(point, asked);
        assert.equal(asked.injectedCalls(), 5);
        for (const receiver of asked.receivers) {
          assert.equal(receiver?.id, window.id);
          assert.equal(receiver?.process, rig.editor.process);
        }
      }));

    test("a gate that refuses the fifth call stops the text after the fourth character", () =>
      withEditor("", async ({ saved }) => {
        const refusing = gate((_, call) => call < 5);
        await assert.rejects(desktop.type("ABCDEFGH", refusing), Refused);
        assert.equal(refusing.injectedCalls(), 4);
        assert.equal(refusing.receivers.length, 5);
        await desktop.type("xyz", gate());
        assert.equal(await saved(), "ABCDxyz");
      }));

    test("a gate that says it will never be ready lets nothing through", () =>
      withEditor("", async () => {
        const never = gate(undefined, () => Promise.reject(new Refused("cancelled")));
        await assert.rejects(desktop.type("abc", never), Refused);
        await assert.rejects(desktop.press("ctrl+s", never), Refused);
        await assert.rejects(desktop.click({ x: 9, y: 9 }, "left", 1, never), Refused);
        assert.equal(never.receivers.length, 0);
      }));

    test("a window that takes the focus in the middle of a text gets none of it", () =>
      withEditor("", async ({ window, saved }) => {
        const text = "0123456789".repeat(300);
        let prompt: Promise<Prompt> | undefined;
        const guarded = gate(
          (receiver) => receiver?.process === rig.editor.process,
          (call) => {
            if (call === 50) prompt = rig.raisePrompt();
            return new Promise((resolve) => setTimeout(resolve, 1));
          },
        );
        const stopped: unknown = await desktop.type(text, guarded).catch((error: unknown) => error);
        assert.ok(prompt, "the prompt was raised");
        const raised = await prompt;
        const sent = text.slice(0, guarded.injectedCalls());
        if (rig.nothingGetsBetween || stopped instanceof Refused) {
          assert.ok(stopped instanceof Refused);
          assert.equal(guarded.receivers.at(-1)?.title, raised.title);
          assert.equal(await raised.entered(), "", "the prompt got no character");
        } else {
          assert.ok(stopped instanceof ReceiverChanged, "the desktop knows that it came in the middle of a call");
          assert.ok(["", sent.at(-1)].includes(await raised.entered()), "the prompt got none but that call's");
        }
        assert.ok(await desktop.focus(window, 5_000));
        const kept = await saved();
        if (rig.nothingGetsBetween) assert.equal(kept, sent);
        else assert.ok(kept !== "" && sent.startsWith(kept), "what the editor had taken is there, and in order");
      }));

    test("chords press keys together: select all, cut, paste twice", () =>
      withEditor("", async ({ saved }) => {
        await desktop.type("one ", gate());
        for (const chord of ["ctrl+a", "Ctrl+X", "ctrl+v", "ctrl+v", "home", "shift+End", "delete"]) {
          await desktop.press(chord, gate());
        }
        await desktop.type("two", gate());
        await desktop.press("backspace", gate());
        await desktop.press("+", gate());
        await desktop.press("Q", gate());
        assert.equal(await saved(), "tw+Q");
      }));

    test("a key that no keyboard has is refused by name", async () => {
      const untouched = gate();
      for (const chord of ["hyper+x", "ctrl+nosuchkey", "", "ctrl+"]) {
        await assert.rejects(desktop.press(chord, untouched), UnknownKey, chord);
      }
      assert.equal(untouched.receivers.length, 0);
    });

    test("a click puts the caret where it points", () =>
      withEditor(page, async ({ point, saved }) => {
        await desktop.click(point, "left", 1, gate());
        await desktop.type("X", gate());
        const changed = (await saved()).split("\n").filter((line) => line !== `${word} tail`);
        assert.equal(changed.length, 1);
        assert.match(changed[0] ?? "", /^w+Xw+ tail$/);
        assert.equal(changed[0]?.length, word.length + 6);
      }));

    test("a double click selects a word, and typing replaces it", () =>
      withEditor(page, async ({ point, saved }) => {
        const clicking = gate();
        await desktop.click(point, "left", 2, clicking);
        assert.equal(clicking.injectedCalls(), 3, "a move and two clicks");
        await desktop.type("X", gate());
        assert.deepEqual(
          (await saved()).split("\n").filter((line) => line !== `${word} tail`),
          [`X${" tail".slice(rig.editor.selectsWithWord.length)}`],
        );
      }));

    test("a drag selects what it passes over, and typing replaces that", () =>
      withEditor(page, async ({ point, saved }) => {
        await desktop.drag(point, { x: point.x + 100, y: point.y }, gate());
        await desktop.type("X", gate());
        const changed = (await saved()).split("\n").filter((line) => line !== `${word} tail`);
        assert.equal(changed.length, 1);
        assert.match(changed[0] ?? "", /^w{1,20}Xw{1,20} tail$/);
      }));

    test("a drag that the gate refuses on its way leaves no button down", () =>
      withEditor(page, async ({ point, saved }) => {
        const refusing = gate((_, call) => call < 6);
        await assert.rejects(desktop.drag(point, { x: point.x + 100, y: point.y }, refusing), Refused);
        assert.equal(refusing.injectedCalls(), 5);
        // With the button still down this would go on selecting, and the X replace it.
        await desktop.move({ x: point.x + 60, y: point.y + 60 }, gate());
        await desktop.press("ctrl+home", gate());
        await desktop.type("X", gate());
        assert.equal(await saved(), `X${page}`.trimEnd());
      }));

    test("the wheel scrolls down and up", () =>
      withEditor(
        Array.from({ length: 300 }, (_, at) => `line ${at} ${word}`).join("\n"),
        async ({ window, point, saved }) => {
          const markAt = async (mark: string) => {
            await untilStill(desktop, window);
            await desktop.click(point, "left", 1, gate());
            await desktop.press("home", gate());
            await desktop.type(mark, gate());
          };
          await markAt("A");
          await desktop.scroll(point, 0, 15, gate());
          await markAt("B");
          await desktop.scroll(point, 0, -15, gate());
          await markAt("C");
          const lines = (await saved()).split("\n");
          const lineOf = (mark: string) =>
            lines.findIndex((line) => line.startsWith(mark) || line.startsWith(`C${mark}`));
          assert.ok(lineOf("B") > lineOf("A") + 20, "scrolled down");
          assert.ok(lineOf("C") < lineOf("A") + 3, "and up again");
        },
      ));

    test("windows are listed with title, process and box, and the active one is told", () =>
      withEditor("", async ({ window, pid }) => {
        assert.equal(window.pid, pid);
        assert.equal(window.process, rig.editor.process);
        assert.equal(window.modal, false);
        assert.ok(window.className !== "" && window.box.width > 100 && window.box.height > 100);
        assert.equal((await desktop.activeWindow())?.id, window.id);
        const prompt = await rig.raisePrompt();
        assert.equal((await desktop.activeWindow())?.title, prompt.title);
        assert.ok(await desktop.focus(window, 5_000), "the editor takes the focus back");
        assert.equal((await desktop.windows()).at(-1)?.id, window.id, "the topmost is the last");
        await prompt.entered();
      }));

    test("a window closes when it is asked to, and then cannot be focused", () =>
      withEditor("", async ({ window }) => {
        await desktop.close(window);
        await until("the window is gone", async () => !(await desktop.windows()).some(({ id }) => id === window.id));
        assert.equal(await desktop.focus(window, 200), false);
      }));

    test("an application that works answers, and one that stands still does not", () =>
      withEditor("", async ({ window, pid }) => {
        assert.equal(await desktop.responsive(window, 2_000), true);
        rig.suspend(pid);
        try {
          assert.equal(await desktop.responsive(window, 300), false);
        } finally {
          rig.resume(pid);
        }
        assert.equal(await desktop.responsive(window, 5_000), true);
      }));

    test("a process ends when it is told to, and one that stands still when it is forced to", () =>
      withEditor("", async ({ pid }) => {
        const listed = async () => (await desktop.processes()).some((process) => process.pid === pid);
        rig.suspend(pid);
        await desktop.endProcess(pid, true);
        await until("it is gone", async () => !(await listed()));
        await desktop.endProcess(pid, true);
        const other = await desktop.launch(rig.editor.command(join(rig.dir, "other.txt")), { cwd: rig.dir });
        await until("it runs", async () => (await desktop.processes()).some((process) => process.pid === other));
        await desktop.endProcess(other, false);
        await until("it ends", async () => !(await desktop.processes()).some((process) => process.pid === other));
      }));

    test("somebody else's input is told, and none of the desktop's own (G14)", () =>
      withEditor(page, async ({ window, point }) => {
        const quietMs = () => desktop.foreignInputMsAgo() ?? Number.POSITIVE_INFINITY;
        const presses = desktop.foreignPresses();
        const began = performance.now();
        await desktop.type("aaé 漢", gate());
        await desktop.press("ctrl+a", gate());
        await desktop.click(point, "left", 2, gate());
        await desktop.drag(point, { x: point.x + 80, y: point.y + 10 }, gate());
        await desktop.scroll(point, 0, 3, gate());
        // On its frame: that is the window manager's.
        await desktop.click({ x: window.box.x + 60, y: window.box.y - 8 }, "left", 1, gate());
        assert.ok(quietMs() > performance.now() - began, `${quietMs()} ms ago`);
        assert.equal(desktop.foreignPresses(), presses);
        await until("somebody else's input is told", () => {
          rig.movePointerAsAnother();
          return quietMs() < 200;
        });
      }));

    test("the clipboard gives back what was written, and other programs can paste it", () =>
      withEditor("", async ({ saved }) => {
        const text = "Zoë 漢字 😀\nsecond";
        await desktop.writeClipboard(text);
        assert.equal(await desktop.readClipboard(), text);
        await desktop.press("ctrl+v", gate());
        assert.equal(await saved(), text);
      }));

    test("the clipboard gives what another program copied", () =>
      withEditor("", async () => {
        await desktop.writeClipboard("older");
        await desktop.type("Ñandú copied", gate());
        await desktop.press("ctrl+a", gate());
        await desktop.press("ctrl+c", gate());
        await until("the copy is there", async () => (await desktop.readClipboard()) === "Ñandú copied");
      }));

    test("processes are listed with the memory that they hold", () =>
      withEditor("", async ({ pid }) => {
        const listed = (await desktop.processes()).find((process) => process.pid === pid);
        assert.equal(listed?.name, rig.editor.process);
        assert.ok((listed?.memoryBytes ?? 0) > 1_000_000);
      }));

    test("a program that does not exist cannot be launched", () =>
      assert.rejects(desktop.launch(["no-such-program-anywhere"], {})));

    test("a capture shows the surface, and a health screenshot the same", () =>
      withEditor("", async ({ window }) => {
        assert.deepEqual([await desktop.answers(5_000), await desktop.answers(5_000)], [true, true]);
        const surface = await desktop.surface();
        assert.equal(surface.is, "present");
        const frame = await desktop.capture();
        assert.equal(frame.rgba.length, frame.width * frame.height * 4);
        assert.deepEqual(surface, { is: "present", width: frame.width, height: frame.height });
        const shots = await Promise.all([desktop.healthScreenshot(), desktop.healthScreenshot()]);
        assert.deepEqual(shots[0], shots[1]);
        const shot = decodePng(shots[0]);
        assert.deepEqual([shot.width, shot.height], [frame.width, frame.height]);
        // The title bar's neighbourhood: nothing blinks there.
        const at = ((window.box.y + 3) * frame.width + window.box.x + 3) * 4;
        assert.deepEqual([...shot.rgba.subarray(at, at + 3)], [...frame.rgba.subarray(at, at + 3)]);
      }));
  });
}

interface ShownEditor {
  readonly window: DesktopWindow;
  readonly file: string;
  readonly pid: number;
  readonly point: { readonly x: number; readonly y: number };
  saved(): Promise<string>;
}

export async function windowTitled(desktop: Desktop, part: string): Promise<DesktopWindow | undefined> {
  return (await desktop.windows()).find(({ title }) => title.includes(part));
}
