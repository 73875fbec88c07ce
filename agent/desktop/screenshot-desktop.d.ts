// What this project uses of screenshot-desktop, which ships no declarations.

declare module "screenshot-desktop" {
  export default function screenshot(options: { readonly format: "png" | "jpg" }): Promise<Buffer>;
}
