// Fills in the words of the page, which come as texts of a section: {name} stands for a value.
export const fill = (words, values = {}) => words.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));

// The text of a number: name_one or name_other, thousands apart.
export const counted = (texts, name, number, values = {}) =>
  fill(texts[`${name}_${number === 1 ? "one" : "other"}`], { number: number.toLocaleString("en"), ...values });
