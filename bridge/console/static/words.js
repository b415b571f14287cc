// Fills in texts of the console's file of words in the browser, as bridge/console/texts does on the server.
export const fill = (words, values = {}) =>
  words.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
export const counted = (texts, name, number) =>
  fill(texts[`${name}_${number === 1 ? "one" : "other"}`], { number: number.toLocaleString("en-US") });
export const moment = (time) => (time ? new Date(time).toLocaleString() : "");
