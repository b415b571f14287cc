// The rules for names while they are typed (the contract, section 1). Each answers null, or the name of a text in the
// section "register" with its values. bridge/names.py decides in the end; tests hold the two against each other.
const FORBIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Z}/\\+#$%,"\u{FDD0}-\u{FDEF}]/u;
const CONTROL = /[\p{Cc}\p{Cs}]/u;
const MOST = { id: 255, text: 255, path: 4096, token: 256 };

const length = (text) => [...text].length;
const isNoCharacter = (character) => (character.codePointAt(0) & 0xfffe) === 0xfffe;

export const idFault = (id) => {
  if (id === "." || id === "..") return ["id_reserved", {}];
  if (!id) return ["id_missing", {}];
  if (length(id) > MOST.id) return ["too_long", { most: MOST.id, number: length(id) }];
  const bad = [...id].find((character) => FORBIDDEN.test(character) || isNoCharacter(character));
  if (bad !== undefined) {
    const code = bad.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    if (/\p{Z}/u.test(bad)) return ["id_space", {}];
    return /[\p{C}]/u.test(bad) ? ["id_invisible", { code }] : ["id_character", { character: bad }];
  }
  return id.normalize("NFC") === id ? null : ["id_form", {}];
};

export const textFault = (text) => (length(text) > MOST.text ? ["too_long", { most: MOST.text, number: length(text) }] : null);

export const tokenFault = (token) =>
  length(token.trim()) > MOST.token ? ["too_long", { most: MOST.token, number: length(token.trim()) }] : null;

export const groupFault = (path) => {
  if (!path) return null;
  if (length(path) > MOST.path) return ["too_long", { most: MOST.path, number: length(path) }];
  for (const name of path.split("/")) {
    if (!name) return ["group_empty", {}];
    if (length(name) > MOST.text) return ["too_long", { most: MOST.text, number: length(name) }];
    if (CONTROL.test(name)) return ["group_control", {}];
  }
  return null;
};
