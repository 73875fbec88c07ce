// Takes the Authenticode signature off a Windows program: Node's own does not hold for what is made of it, and Windows
// looks at a broken signature with more suspicion than at none. Offsets are those of Microsoft's "PE Format".

const offsetOfHeader = 0x3c;
const pe32Plus = 0x20b;
/** After the signature "PE\0\0" and the file header. */
const optionalHeader = 24;
const checksum = optionalHeader + 64;
/** The fifth data directory: file offset and size of the certificates. */
const certificates = optionalHeader + 112 + 4 * 8;

export function unsigned(program: Buffer): Buffer {
  const header = program.readUInt32LE(offsetOfHeader);
  const isProgram = program.toString("latin1", header, header + 4) === "PE\0\0";
  if (!isProgram || program.readUInt16LE(header + optionalHeader) !== pe32Plus) {
    throw new Error("this is no 64-bit program of Windows");
  }
  const at = program.readUInt32LE(header + certificates);
  const sizeBytes = program.readUInt32LE(header + certificates + 4);
  if (at === 0) return program;
  if (at + sizeBytes !== program.length) throw new Error("the program has something behind its signature");
  const result = Buffer.from(program.subarray(0, at));
  result.writeBigUInt64LE(0n, header + certificates);
  result.writeUInt32LE(0, header + checksum);
  return result;
}
