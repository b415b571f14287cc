// The inventory: the tree of groups beside the list of devices, which is searched, sorted, turned page by page, and
// whose chosen rows are moved to another group.
import { asking } from "/static/asking.js";
import { grouping } from "/static/grouping.js";
import Modal from "/static/dialog.js";
import GroupField from "/static/group_field.js";
import GroupTree from "/static/group_tree.js";
import { counted, day, fill, minute } from "/static/words.js";

const COLUMNS = ["id", "name", "type", "group", "creationTime", "lastSeen"];
export default {
  components: { Modal, GroupField, GroupTree },
  mixins: [asking, grouping],
  props: { rows: Array, loaded: Boolean, first: Number, next: Boolean, look: Object, may: Object, management: Boolean, texts: Object },
  emits: ["look"],
  data() {
    return { wanted: { ...this.look }, chosen: {}, dialog: null, target: "", failed: [], said: "", timer: null, wide: matchMedia("(min-width: 761px)").matches, columns: COLUMNS };
  },
  computed: {
    ids() {
      return this.rows.map((row) => row.id);
    },
    chosenIds() {
      return Object.keys(this.chosen);
    },
    allChosen() {
      return this.ids.length > 0 && this.ids.every((id) => this.chosen[id]);
    },
    isFiltered() {
      return Boolean(this.look.search || this.look.group);
    },
    query() {
      const named = Object.entries(this.wanted).filter(([, value]) => value);
      return new URLSearchParams(named).toString();
    },
  },
  methods: {
    counted,
    day,
    fill,
    minute,
    link(id) {
      return "/devices?" + new URLSearchParams([["id", id], ...new URLSearchParams(this.query)]);
    },
    // The address says what is looked at, so that it can be kept, sent and gone back to.
    tell(turn = "first") {
      clearTimeout(this.timer);
      history.replaceState(history.state, "", "/devices" + (this.query ? "?" + this.query : ""));
      if (turn === "first") this.chosen = {};
      this.$emit("look", { ...this.wanted, turn });
    },
    typed() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.tell(), 250);
    },
    sort(column) {
      this.wanted.sort = this.wanted.sort === column ? "-" + column : column;
      this.tell();
    },
    sorted(column) {
      if (this.wanted.sort === column || (!this.wanted.sort && column === "id")) return "ascending";
      return this.wanted.sort === "-" + column ? "descending" : "none";
    },
    group(path) {
      this.wanted.group = path;
      this.tell();
    },
    clear() {
      this.wanted.search = this.wanted.group = "";
      this.tell();
    },
    choose(id) {
      if (this.chosen[id]) delete this.chosen[id];
      else this.chosen[id] = true;
    },
    chooseAll() {
      const all = this.allChosen;
      for (const id of this.ids) {
        if (all) delete this.chosen[id];
        else this.chosen[id] = true;
      }
    },
    move() {
      this.failed = [];
      this.target = "";
      this.begin("move");
    },
    done(outcome) {
      this.failed = outcome.failed;
      for (const id of outcome.moved) delete this.chosen[id];
      this.said = counted(this.texts, "moved", outcome.moved.length);
      if (!this.failed.length) this.dialog = null;
    },
  },
  template: `
    <div class="inventory">
      <aside class="card side" :aria-label="texts.groups">
        <details :open="wide" class="narrow-details"><summary>{{ texts.groups }}</summary>
          <group-tree all :groups="groups" :more="moreGroups" :selected="wanted.group || ''" :texts="texts" @choose="group" />
        </details>
      </aside>
      <section class="listed">
        <div class="tools">
          <input class="field finder" type="search" v-model="wanted.search" @input="typed" @keydown.enter="tell()" maxlength="255" :placeholder="texts.search" :aria-label="texts.search" />
          <label class="narrow-only">{{ texts.sort_by }} <select class="field" v-model="wanted.sort" @change="tell()"><option value="">{{ texts.id }}</option><template v-for="column in columns" :key="column"><option v-if="column !== 'id'" :value="column">{{ texts[column] }}</option><option :value="'-' + column">{{ texts[column] }} ↓</option></template></select></label>
          <span v-if="wanted.group" class="tag kept"><bdi>{{ wanted.group }}</bdi> <button type="button" class="btn bare" :aria-label="texts.without_group" @click="group('')">✕</button></span>
          <template v-if="may.update">
            <button v-if="chosenIds.length" class="btn" type="button" @click="move">{{ counted(texts, "move", chosenIds.length) }}</button>
            <button v-if="chosenIds.length" class="btn bare" type="button" @click="chosen = {}">{{ texts.choose_none }}</button>
          </template>
        </div>
        <p class="sr" role="status">{{ said }}</p>
        <div v-if="loaded && !rows.length" class="card empty">
          <template v-if="isFiltered"><h2>{{ texts.none_found }}</h2><p><button class="btn" type="button" @click="clear">{{ texts.show_all }}</button></p></template>
          <template v-else><h2>{{ texts.none }}</h2><p>{{ management ? texts.none_of_management : texts.none_hint }}</p><p v-if="!management"><a href="/">{{ texts.to_registration }}</a></p></template>
        </div>
        <table v-if="rows.length" class="grid devices">
          <caption class="sr">{{ texts.title }}</caption>
          <thead><tr>
            <th v-if="may.update" scope="col" class="tick"><input type="checkbox" :checked="allChosen" :aria-label="texts.choose_page" @change="chooseAll" /></th>
            <th v-for="column in columns" :key="column" scope="col" :aria-sort="sorted(column)"><button type="button" class="sorting" @click="sort(column)">{{ texts[column] }}<span aria-hidden="true">{{ { ascending: " ↑", descending: " ↓", none: "" }[sorted(column)] }}</span></button></th>
          </tr></thead>
          <tbody>
            <tr v-for="row in rows" :key="row.id" :data-id="row.id" :class="{ picked: chosen[row.id] }">
              <td v-if="may.update" class="tick" data-label=""><input type="checkbox" :checked="chosen[row.id]" :aria-label="fill(texts.choose, { id: row.id })" @change="choose(row.id)" /></td>
              <td :data-label="texts.id"><a :href="link(row.id)" :title="row.id"><bdi class="clamp">{{ row.id }}</bdi></a></td>
              <td :data-label="texts.name" :class="{ blank: !row.name }"><bdi class="clamp" :title="row.name">{{ row.name }}</bdi></td>
              <td :data-label="texts.type" :class="{ blank: !row.type }"><bdi class="clamp" :title="row.type">{{ row.type }}</bdi></td>
              <td :data-label="texts.group" :class="{ blank: !row.group }"><bdi class="clamp" :title="row.group">{{ row.group }}</bdi></td>
              <td :data-label="texts.creationTime"><time :title="row.creationTime"><span>{{ day(row.creationTime) }}</span> <span>{{ minute(row.creationTime) }}</span></time></td>
              <td :data-label="texts.lastSeen"><time v-if="row.lastInfoTime" :title="row.lastInfoTime"><span>{{ day(row.lastInfoTime) }}</span> <span>{{ minute(row.lastInfoTime) }}</span></time><span v-else class="quiet">{{ texts.never }}</span></td>
            </tr>
          </tbody>
        </table>
        <nav v-if="rows.length" class="pager" :aria-label="texts.pages">
          <button class="btn" type="button" :disabled="first === 1" @click="tell('previous')">{{ texts.previous }}</button>
          <span class="quiet" role="status">{{ fill(texts.rows, { first: first.toLocaleString("en"), last: (first + rows.length - 1).toLocaleString("en") }) }}</span>
          <button class="btn" type="button" :disabled="!next" @click="tell('next')">{{ texts.next }}</button>
        </nav>
      </section>

      <modal v-if="dialog === 'move'" :title="counted(texts, 'move', chosenIds.length)" :close="texts.close" @closed="dialog = null">
        <form class="form" @submit.prevent="ask('move', { ids: chosenIds, group: target })">
          <group-field v-model="target" :groups="groups" :label="texts.group" :hint="texts.move_hint" />
          <p class="fault" role="alert">{{ fault }}</p>
          <div v-if="failed.length" role="alert"><p class="fault">{{ counted(texts, "not_moved", failed.length) }}</p><ul class="faults"><li v-for="one in failed.slice(0, 20)" :key="one.id"><code>{{ one.id }}</code>: {{ one.message }}</li></ul></div>
          <footer><button class="btn" type="button" @click="dialog = null">{{ texts.cancel }}</button><button class="btn" type="button" :disabled="busy" @click="ask('move', { ids: chosenIds, group: '' })">{{ texts.take_out }}</button><button class="btn primary" type="submit" :disabled="busy || !target.trim()">{{ texts.move_now }}</button></footer>
        </form>
      </modal>
    </div>`,
};
