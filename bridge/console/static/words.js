// Words and times in components, as bridge/console/texts fills them in on the server.
export const fill = (words, values) => words.replace(/\{(\w+)\}/g, (all, name) => (name in values ? values[name] : all));
export const counted = (texts, name, number, values = {}) =>
  fill(texts[`${name}_${number === 1 ? "one" : "other"}`], { ...values, number: number.toLocaleString("en") });
const told = (time, timeStyle) => (time ? new Date(time).toLocaleString([], { dateStyle: "medium", timeStyle }) : "");
export const when = (time) => told(time, "medium");
export const about = (time) => told(time, "short"); // to the minute, for lists
