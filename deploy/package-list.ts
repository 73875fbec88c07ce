// The Debian packages that Drover needs from the system, each with its reason. Names are the same on Debian 12 and 13 and
// on Ubuntu 24.04, unless said otherwise.

export interface SystemPackage {
  package: string;
  /** Any one of these on PATH does as well as the package. Empty: only the package itself will do. */
  programs: string[];
  why: string;
}

export const purposes = ["demo", "windows-demo", "agent-build", "tests"] as const;
export type Purpose = (typeof purposes)[number];

export function isPurpose(word: string): word is Purpose {
  return (purposes as readonly string[]).includes(word);
}

const demo: SystemPackage[] = [
  { package: "xvfb", programs: ["Xvfb"], why: "a display without a monitor, one for each machine of the demo" },
  { package: "openbox", programs: ["openbox"], why: "a window manager; without one no window is ever active" },
  { package: "mousepad", programs: ["mousepad"], why: "the text editor that workflows drive" },
  { package: "galculator", programs: ["galculator"], why: "the calculator that workflows drive" },
  { package: "imagemagick", programs: ["import"], why: "takes the screenshots (its program import)" },
  { package: "x11-xserver-utils", programs: ["xrandr"], why: "tells the size of the display (its program xrandr)" },
  { package: "dbus-x11", programs: ["dbus-launch"], why: "the session bus that GTK applications wait for at start" },
  { package: "libxtst6", programs: [], why: "the library by which the agent presses keys and moves the pointer" },
  { package: "libxi6", programs: [], why: "the library by which the agent sees a person at the mouse or the keyboard" },
  { package: "fonts-dejavu-core", programs: [], why: "letters to draw and to read; without a font text is boxes" },
];

/** Windows' programs and its interface, on Linux: about 700 MB, nearly all of it in libwine. */
const windows: SystemPackage[] = [
  { package: "wine", programs: ["wine"], why: "runs the agent's Windows executable, and Windows' Notepad and WordPad" },
  { package: "wine64", programs: [], why: "the 64-bit Windows of Wine" },
  { package: "fonts-wine", programs: [], why: "the letters and the buttons of Windows' windows" },
];

const agentBuild: SystemPackage[] = [
  {
    package: "binutils",
    programs: ["strip"],
    why: "makes Node smaller before it becomes the agent (its program strip)",
  },
];

const testsBesideDemo: SystemPackage[] = [
  { package: "zenity", programs: ["zenity"], why: "dialogs that block an application, for readiness and repair" },
  {
    package: "xdotool",
    programs: ["xdotool"],
    why: "a second, independent way to look at windows and to act as a person",
  },
  {
    package: "wmctrl",
    programs: ["wmctrl"],
    why: "raises windows as a person's desktop would, for tests of interruptions",
  },
  { package: "x11-utils", programs: ["xprop"], why: "xprop and xev, which tell what really reached a window" },
  { package: "xterm", programs: ["xterm"], why: "a window that shows exactly which keys arrived" },
  // On Ubuntu 24.04 Chromium is a snap and not a package: install it, or Chrome, by hand.
  {
    package: "chromium",
    programs: ["chromium", "chromium-browser", "google-chrome"],
    why: "opens the console's pages",
  },
  // The package also starts a server of its own on port 5432. The tests do not use that one.
  {
    package: "postgresql",
    programs: ["pg_ctlcluster", "pg_ctl"],
    why: "an external server of the oldest supported kind",
  },
  { package: "openssl", programs: ["openssl"], why: "makes the certificates of the tests of TLS" },
  { package: "curl", programs: ["curl"], why: "calls the API as any other program would" },
  { package: "procps", programs: ["ps"], why: "ps, to look for processes that were left behind" },
  { package: "faketime", programs: ["faketime"], why: "clocks that stand still, for a machine that was stunned" },
  { package: "iproute2", programs: ["tc"], why: "tc and ip, to break and slow the network" },
];

export function packagesFor(purpose: Purpose): SystemPackage[] {
  switch (purpose) {
    case "demo":
      return demo;
    case "windows-demo":
      return [...demo, ...windows];
    case "agent-build":
      return agentBuild;
    case "tests":
      return [...demo, ...windows, ...agentBuild, ...testsBesideDemo];
  }
}
