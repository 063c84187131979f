// Numbers, spans and sizes as people read them.

const counting = new Intl.NumberFormat("en");

export const count = (number) => counting.format(number);

export function several(number, word) {
  return `${count(number)} ${word}${number === 1 ? "" : "s"}`;
}

export function span(seconds) {
  if (seconds === null || seconds === undefined) return "never";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

export function milliseconds(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const told = seconds * 1000;
  return `${told < 10 ? told.toFixed(1) : count(Math.round(told))} ms`;
}

export function size(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  for (const unit of ["kB", "MB", "GB"]) {
    bytes /= 1000;
    if (bytes < 1000 || unit === "GB") return `${bytes.toFixed(bytes < 10 ? 1 : 0)} ${unit}`;
  }
  return "";
}

export function rate(number) {
  if (number === null || number === undefined) return "–";
  return number < 10 ? number.toFixed(1) : count(Math.round(number));
}

// The first and the last digits of a long ID; the whole of it stands in a title or beside it.
export function brief(hex) {
  return hex.length > 20 ? `${hex.slice(0, 8)}…${hex.slice(-6)}` : hex;
}

// One line of text from others: without what turns or hides text, and not without end.
export function printable(text, most = 200) {
  const line = String(text).replace(
    /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    "\ufffd",
  );
  return line.length > most ? `${line.slice(0, most)}…` : line;
}
