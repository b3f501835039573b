/**
 * Names, dates and sizes as people read them.  Pure.
 */

/** @typedef {import("../types.js").PersonName} PersonName */

/**
 * A DICOM PN ("FAMILY^GIVEN^MIDDLE^PREFIX^SUFFIX", the first group that is not
 * empty) as "FAMILY, Given Middle".
 *
 * @param {string | null | undefined} name
 */
export function dicomName(name) {
  const group = (name ?? "").split("=").find((one) => one.trim()) ?? "";
  const [family = "", given = "", middle = "", prefix = "", suffix = ""] =
    group.split("^").map((part) => part.trim());
  return joinName({ family, given, middle, prefix, suffix });
}

/** @param {PersonName} name */
export function joinName(name) {
  const first = [name.prefix, name.given, name.middle]
    .filter(Boolean).join(" ");
  const last = [name.family, name.suffix].filter(Boolean).join(" ");
  return [last, first].filter(Boolean).join(", ") || "Name unknown";
}

/** @param {string | null | undefined} date  YYYY-MM-DD */
export function day(date) {
  return date ? date.slice(0, 10) : "";
}

/** @param {string | null | undefined} time  HH:MM:SS */
export function clock(time) {
  return time ? time.slice(0, 5) : "";
}

/** @param {string | null | undefined} sex */
export function sexName(sex) {
  return { M: "Male", F: "Female", O: "Other" }[sex ?? ""] ?? "";
}

/**
 * Age in words at a day, as the worklist shows it: "54 y", "7 mo", "12 d".
 *
 * @param {string | null | undefined} birth  YYYY-MM-DD
 * @param {string | null | undefined} at     YYYY-MM-DD
 */
export function age(birth, at) {
  const born = /^(\d{4})-(\d\d)-(\d\d)/.exec(birth ?? "");
  const then = /^(\d{4})-(\d\d)-(\d\d)/.exec(at ?? "");
  if (!born || !then) {
    return "";
  }
  let months = (Number(then[1]) - Number(born[1])) * 12
    + Number(then[2]) - Number(born[2]);
  if (Number(then[3]) < Number(born[3])) {
    months--;
  }
  if (months < 0) {
    return "";
  }
  if (months >= 24) {
    return `${Math.floor(months / 12)} y`;
  }
  if (months >= 1) {
    return `${months} mo`;
  }
  const days = (Date.parse(then[0]) - Date.parse(born[0])) / 86400000;
  return `${Math.round(days)} d`;
}

/** @param {number} bytes */
export function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit > 0 && value < 10 ? 1 : 0;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/**
 * A number with as many digits as its size deserves, without trailing zeros.
 *
 * @param {number} value
 * @param {number} [digits]  significant digits for small values
 */
export function number(value, digits = 4) {
  if (!Number.isFinite(value)) {
    return "";
  }
  if (Number.isInteger(value)) {
    return String(value);
  }
  if (Math.abs(value) >= 10 ** (digits - 1)) {
    return String(Math.round(value));
  }
  return String(Number(value.toPrecision(digits)));
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

/** @param {string | null | undefined} stamp  RFC 3339 */
export function moment(stamp) {
  const date = new Date(stamp ?? "");
  if (Number.isNaN(date.getTime())) {
    return "";
  }
  const pad = (/** @type {number} */ n) => String(n).padStart(2, "0");
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-`
    + `${pad(date.getDate())} ${pad(date.getHours())}:`
    + `${pad(date.getMinutes())}`;
}
