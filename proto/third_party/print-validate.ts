// Prints buf/validate/validate.proto from the descriptor that @bufbuild/protovalidate carries: that package ships the
// generated code but not its source, and buf needs a source to compile our annotations against. The result is equal on
// the wire; comments and the custom options inside the file (its own predefined CEL) are not needed here and are left
// out. Run: node proto/third_party/print-validate.ts > proto/third_party/buf/validate/validate.proto

import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import { file_buf_validate_validate } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";

const file = file_buf_validate_validate.proto;
const lines: string[] = [];

const typeName = (field: FieldDescriptorProto): string =>
  field.typeName !== "" ? field.typeName : (Type[field.type] ?? "").toLowerCase();

function printField(field: FieldDescriptorProto, indent: string, inOneof: boolean): void {
  const label = field.label === Label.REPEATED ? "repeated " : inOneof || file.syntax === "proto3" ? "" : "optional ";
  const packed = field.options?.packed === undefined ? "" : ` [packed = ${field.options.packed}]`;
  lines.push(`${indent}${label}${typeName(field)} ${field.name} = ${field.number}${packed};`);
}

function printEnum(desc: EnumDescriptorProto, indent: string): void {
  lines.push(`${indent}enum ${desc.name} {`);
  if (desc.options?.allowAlias === true) lines.push(`${indent}  option allow_alias = true;`);
  for (const value of desc.value) lines.push(`${indent}  ${value.name} = ${value.number};`);
  for (const range of desc.reservedRange) lines.push(`${indent}  reserved ${range.start} to ${range.end};`);
  lines.push(`${indent}}`);
}

function printMessage(desc: DescriptorProto, indent: string): void {
  lines.push(`${indent}message ${desc.name} {`);
  const inner = `${indent}  `;
  for (const nested of desc.enumType) printEnum(nested, inner);
  for (const nested of desc.nestedType.filter((n) => n.options?.mapEntry !== true)) printMessage(nested, inner);
  for (const field of desc.field.filter((f) => f.proto3Optional || !Object.hasOwn(f, "oneofIndex"))) {
    printField(field, inner, false);
  }
  desc.oneofDecl.forEach((oneof, index) => {
    const members = desc.field.filter((f) => Object.hasOwn(f, "oneofIndex") && f.oneofIndex === index);
    lines.push(`${inner}oneof ${oneof.name} {`);
    for (const field of members) printField(field, `${inner}  `, true);
    lines.push(`${inner}}`);
  });
  for (const range of desc.extensionRange) {
    lines.push(`${inner}extensions ${range.start} to ${range.end >= 536870912 ? "max" : range.end - 1};`);
  }
  for (const range of desc.reservedRange) lines.push(`${inner}reserved ${range.start} to ${range.end - 1};`);
  for (const name of desc.reservedName) lines.push(`${inner}reserved "${name}";`);
  lines.push(`${indent}}`);
}

lines.push("// Printed by print-validate.ts from the descriptor in @bufbuild/protovalidate (Apache-2.0). Do not edit.");
lines.push(`syntax = "${file.syntax === "" ? "proto2" : file.syntax}";`, `package ${file.package};`);
for (const dependency of file.dependency) lines.push(`import "${dependency}";`);
for (const extension of file.extension) {
  lines.push(`extend ${extension.extendee} {`);
  printField(extension, "  ", false);
  lines.push("}");
}
for (const desc of file.enumType) printEnum(desc, "");
for (const desc of file.messageType) printMessage(desc, "");
process.stdout.write(`${lines.join("\n")}\n`);
