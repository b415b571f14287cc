// The tree of groups, as the pattern "tree view" has it: arrows move and open, Home and End jump, Enter selects.
// It draws what is open alone, so that thousands of groups cost nothing until they are looked at.
import { counted, fill } from "/static/words.js";

const MOST = 500; // rows drawn at a time
const parent = (path) => path.slice(0, Math.max(0, path.lastIndexOf("/")));
export default {
  props: { groups: Array, selected: String, texts: Object, all: Boolean, more: Boolean },
  emits: ["choose"],
  data: () => ({ open: {}, search: "", at: null }),
  computed: {
    // Path to what is known of it: its own devices, those with what is below, its children in order.
    known() {
      const known = new Map();
      const node = (path) => {
        if (!known.has(path)) {
          known.set(path, { path, name: path.slice(path.lastIndexOf("/") + 1), own: 0, below: 0, children: [] });
          if (path !== "") node(parent(path)).children.push(path);
        }
        return known.get(path);
      };
      node("");
      for (const { path, devices } of this.groups) {
        node(path).own = devices;
        for (let above = path; above !== ""; above = parent(above)) known.get(above).below += devices;
      }
      return known;
    },
    matching() {
      const wanted = this.search.trim().toLowerCase();
      if (!wanted) return null;
      const found = new Set();
      for (const [path, { name }] of this.known) {
        if (path === "" || !(wanted.includes("/") ? path : name).toLowerCase().includes(wanted)) continue;
        for (let above = path; above !== "" && !found.has(above); above = parent(above)) found.add(above);
      }
      return found;
    },
    rows() {
      const rows = this.all ? [{ path: "", name: this.texts.all, level: 1, children: 0, of: 1, set: 1 }] : [];
      const walk = (path, level) => {
        const children = this.known.get(path).children.filter((each) => !this.matching || this.matching.has(each));
        children.forEach((each, index) => {
          const node = this.known.get(each);
          const open = Boolean(this.matching || this.open[each]);
          rows.push({ ...node, level, children: node.children.length, open, of: index + 1, set: children.length });
          if (open && node.children.length) walk(each, level + 1);
        });
      };
      walk("", 1);
      return rows;
    },
    shown() {
      return this.rows.slice(0, MOST);
    },
    current() {
      const paths = this.shown.map((row) => row.path);
      return [this.at, this.selected].find((path) => paths.includes(path)) ?? paths[0];
    },
  },
  watch: {
    selected: {
      immediate: true,
      handler(path) {
        for (let above = parent(path || ""); above !== ""; above = parent(above)) this.open[above] = true;
      },
    },
  },
  methods: {
    counted,
    fill,
    toggle(row) {
      this.open[row.path] = !this.open[row.path];
    },
    choose(row) {
      this.at = row.path;
      this.$emit("choose", row.path);
    },
    go(path) {
      this.at = path;
      this.$nextTick(() => this.$refs.tree.querySelector('[tabindex="0"]')?.focus());
    },
    key(event) {
      const index = this.shown.findIndex((row) => row.path === this.current);
      const row = this.shown[index];
      const moves = {
        ArrowDown: () => index + 1 < this.shown.length && this.go(this.shown[index + 1].path),
        ArrowUp: () => index > 0 && this.go(this.shown[index - 1].path),
        Home: () => this.go(this.shown[0].path),
        End: () => this.go(this.shown[this.shown.length - 1].path),
        ArrowRight: () => row.children && (row.open ? this.go(this.shown[index + 1].path) : this.toggle(row)),
        ArrowLeft: () => (row.children && row.open && !this.matching ? this.toggle(row) : parent(row.path) && this.go(parent(row.path))),
        Enter: () => this.choose(row),
        " ": () => this.choose(row),
      };
      if (!row || !moves[event.key] || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      moves[event.key]();
    },
  },
  template: `
    <div class="group-tree">
      <input v-if="groups.length > 12 || search" class="field" type="search" v-model="search" :placeholder="texts.find_group" :aria-label="texts.find_group" />
      <ul ref="tree" role="tree" :aria-label="texts.groups" @keydown="key">
        <li v-for="row in shown" :key="row.path" role="treeitem" :aria-level="row.level" :aria-posinset="row.of" :aria-setsize="row.set"
            :aria-expanded="row.children ? String(row.open) : undefined" :aria-selected="String(row.path === (selected ?? null))" :tabindex="row.path === current ? 0 : -1"
            :style="{ paddingInlineStart: Math.min(row.level, 12) * 0.9 - 0.4 + 'rem' }" :data-path="row.path" @click="choose(row)" :title="row.path">
          <span class="twig" aria-hidden="true" @click.stop="row.children ? toggle(row) : choose(row)">{{ row.children ? (row.open ? "▾" : "▸") : "" }}</span>
          <bdi class="leaf">{{ row.name }}</bdi>
          <span v-if="row.path" class="number" :aria-label="counted(texts, 'devices', row.below)">{{ row.below.toLocaleString("en") }}</span>
        </li>
      </ul>
      <p v-if="matching && !matching.size" class="quiet">{{ texts.no_group }}</p>
      <p v-if="rows.length > shown.length" class="quiet">{{ fill(texts.too_many_groups, { number: (rows.length - shown.length).toLocaleString("en") }) }}</p>
      <p v-if="more" class="quiet">{{ fill(texts.more_groups, { number: groups.length.toLocaleString("en") }) }}</p>
    </div>`,
};
