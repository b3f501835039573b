// Test Anything Protocol on standard output, for t/lib/Test/Dicom/Node.pm.

let count = 0;
const started = Date.now();
let failed = 0;

/**
 * @param {boolean} good
 * @param {string} name
 * @param {string} [why]
 */
export function ok(good, name, why = "") {
  count++;
  if (!good) {
    failed++;
  }
  if (process.env.TAP_TIMES) {
    console.log(`# ${((Date.now() - started) / 1000).toFixed(1)} s`);
  }
  console.log(`${good ? "" : "not "}ok ${count} - ${name.replace(/#/g, "")}`);
  if (!good && why) {
    console.log(why.split("\n").map((line) => `# ${line}`).join("\n"));
  }
  return good;
}

/**
 * @param {string} name
 * @param {() => unknown} body  throws when it fails
 */
export async function test(name, body) {
  try {
    await body();
    return ok(true, name);
  } catch (error) {
    return ok(false, name, String(error instanceof Error
      ? error.stack ?? error : error));
  }
}

export function done() {
  console.log(`1..${count}`);
  process.exitCode = failed > 0 ? 1 : 0;
}

/**
 * Returns when it is so, or after five seconds: what follows says what is not.
 *
 * @param {() => boolean} so
 */
export async function until(so) {
  for (let n = 0; n < 500 && !so(); n++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
