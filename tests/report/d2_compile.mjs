// Compiles each D2 file named on the command line with D2's own compiler; prints, as JSON, the
// number of its shapes and connections, or the compiler's complaint.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [library, ...files] = process.argv.slice(2);
const { D2 } = await import(pathToFileURL(library));
const compiler = new D2();
const told = {};
for (const file of files) {
  try {
    const { diagram } = await compiler.compile(readFileSync(file, "utf8"));
    told[file] = [diagram.shapes.length, diagram.connections.length];
  } catch (error) {
    told[file] = String(error.message ?? error);
  }
}
console.log(JSON.stringify(told));
process.exit(0);
