// Words and times in components, as bridge/console/texts fills them in on the server.
export const fill = (words, values = {}) => words.replace(/\{(\w+)\}/g, (all, name) => (name in values ? values[name] : all));
export const counted = (texts, name, number, values = {}) =>
  fill(texts[`${name}_${number === 1 ? "one" : "other"}`], { ...values, number: number.toLocaleString("en") });
export const when = (time) => (time ? new Date(time).toLocaleString([], { dateStyle: "medium", timeStyle: "medium" }) : "");
// For narrow columns: the day and the minute, which may stand on two lines.
export const day = (time) => new Date(time).toLocaleDateString([], { dateStyle: "medium" });
export const minute = (time) => new Date(time).toLocaleTimeString([], { timeStyle: "short" });
